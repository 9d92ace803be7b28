"""ticketpay: the money side of event tickets, exact to the cent."""

__all__ = ["__version__"]

__version__ = "0.1.0"
