"""Ports for the stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ticketpay.domain.inventory import StockView
from ticketpay.domain.kernel.ids import EventId, OrderId, QuoteId
from ticketpay.domain.pricing.model import Demand, TicketLine
from ticketpay.ports.later import Later

__all__ = ["Stock"]


class Stock(Protocol):
    """**Protocol:** the stock of one tenant.

    Guarantees: 0 <= taken <= capacity; a seat belongs to at most one order; a hold is confirmed
    or released at most once, and doing it again changes nothing.
    """

    def lock(self, demand: Demand) -> Later[StockView]:
        """Lock the types and seats that ``demand`` names, in a fixed order, and look at them."""
        ...

    def lock_quoted(self, quote_id: QuoteId) -> Later[StockView]:
        """The same for the demand of a stored quote."""
        ...

    def lock_event(self, order_id: OrderId, event_id: EventId) -> None:
        """Lock what an order holds and every type of its event: no order of it is being opened."""
        ...

    def hold(self, order_id: OrderId, demand: Demand) -> None:
        """Take what ``demand`` names for an order; the rows must be locked in this transaction."""
        ...

    def hold_again(self, order_id: OrderId) -> Later[bool]:
        """Make sure that an order holds its tickets: False if they were released and are gone."""
        ...

    def confirm(self, order_id: OrderId) -> None:
        """What the order holds is sold."""
        ...

    def release(self, order_id: OrderId) -> None:
        """What the order holds is free again."""
        ...

    def give_back(self, order_id: OrderId, tickets: Sequence[TicketLine]) -> None:
        """These tickets, which the order has bought, are for sale again.

        Raises ``Conflict`` (at the latest at the commit) when the order has not that many.
        """
        ...
