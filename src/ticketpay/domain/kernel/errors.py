"""The error tree of the whole system.

::

    TicketpayError
     |- InvalidInput      the caller's data is wrong; names every wrong field
     |- Unauthenticated   nobody, or nobody we can believe
     |- Forbidden         somebody, but not for this
     |- NotFound          unknown here, or not yours: the two look alike
     |- Rejected          the business says no; the same request will be refused again
     |- Conflict          somebody was faster or the state has moved on
     |- Unavailable       a dependency is down; nothing happened, try later
     |- OutcomeUnknown    money may have moved; ask, never repeat blindly

Each class has a stable ``code`` which clients may rely on.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

__all__ = [
    "ConcurrentUpdate",
    "Conflict",
    "FieldError",
    "Forbidden",
    "InvalidInput",
    "NotFound",
    "OutcomeUnknown",
    "Rejected",
    "TicketpayError",
    "Unauthenticated",
    "Unavailable",
]


@attrs.frozen
class FieldError:
    """One wrong field: its dotted path and what is wrong with it."""

    field: str
    message: str


class TicketpayError(Exception):
    """The root of every error that ticketpay raises on purpose."""

    code: ClassVar[str] = "TICKETPAY_ERROR"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self, detail: str = "", *, code: str | None = None, errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(detail or type(self).title)
        self.detail = detail or type(self).title
        self.error_code = code or type(self).code
        self.errors = errors

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by attributes, because subclasses may take other arguments."""
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(
    cls: type[TicketpayError], args: tuple[object, ...], state: dict[str, object]
) -> TicketpayError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInput(TicketpayError):
    """The caller's data is wrong; ``errors`` names every wrong field at once."""

    code = "VALIDATION_ERROR"
    title = "Validation failed"

    def __str__(self) -> str:
        """Every wrong field, where nothing else was said."""
        told = "; ".join(f"{error.field}: {error.message}" for error in self.errors)
        return told if told and self.detail == type(self).title else self.detail


class Unauthenticated(TicketpayError):
    """The caller is unknown or its token cannot be believed."""

    code = "AUTH_REQUIRED"
    title = "Authentication required"


class Forbidden(TicketpayError):
    """The caller is known but has no role for this."""

    code = "FORBIDDEN"
    title = "Not allowed"


class NotFound(TicketpayError):
    """The thing is unknown, or belongs to somebody else: the two look alike."""

    code = "NOT_FOUND"
    title = "Not found"


class Rejected(TicketpayError):
    """A business rule says no; the same request would be refused again."""

    code = "REJECTED"
    title = "Rejected"


class Conflict(TicketpayError):
    """The state has moved on or somebody was faster."""

    code = "CONFLICT"
    title = "Conflict"


class ConcurrentUpdate(Conflict):
    """The transaction has lost against others again and again; nothing has happened."""

    code = "CONCURRENT_UPDATE"
    title = "Others were faster each time"


class Unavailable(TicketpayError):
    """A dependency is down and nothing happened; try again after ``retry_after_seconds``."""

    code = "UNAVAILABLE"
    title = "Temporarily unavailable"

    def __init__(
        self, detail: str = "", *, code: str | None = None, retry_after_seconds: int = 1
    ) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknown(TicketpayError):
    """The effect may or may not have happened: ask the other side, never repeat blindly."""

    code = "OUTCOME_UNKNOWN"
    title = "The outcome is not known yet"
