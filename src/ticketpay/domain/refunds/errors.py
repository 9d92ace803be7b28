"""What a refund can be refused for."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Forbidden, Rejected

__all__ = [
    "AlreadyRefunded",
    "ChargedBack",
    "NothingCaptured",
    "RefundDecided",
    "RefundTooLarge",
    "RefundWindowExpired",
    "SamePerson",
    "TicketsRefunded",
]


class RefundTooLarge(Rejected):
    """More than what is left of the payment (S24)."""

    code = "REFUND_TOO_LARGE"
    title = "Refund amount exceeds original payment"


class AlreadyRefunded(Conflict):
    """Nothing is left to be refunded (S24)."""

    code = "ALREADY_REFUNDED"
    title = "Payment already refunded"


class ChargedBack(AlreadyRefunded):
    """The buyer's bank has taken what is left (field notes S6): refunded, it would be paid twice."""

    code = "CHARGED_BACK"
    title = "Payment charged back"


class NothingCaptured(Conflict):
    """The payment has taken no money: it is cancelled, not refunded (S24 D3)."""

    code = "NOTHING_CAPTURED"
    title = "Nothing was captured: cancel the payment instead"


class RefundWindowExpired(Rejected):
    """Too long after the payment; an admin may override it with a reason (S24 D5)."""

    code = "REFUND_WINDOW_EXPIRED"
    title = "The time for refunds is over"


class TicketsRefunded(Conflict):
    """A ticket is refunded twice."""

    code = "TICKET_REFUNDED"
    title = "A ticket is refunded already"


class SamePerson(Forbidden):
    """Whoever asked for a refund does not approve it."""

    title = "A second person must approve"


class RefundDecided(Conflict):
    """The refund does not wait for a decision."""

    code = "REFUND_DECIDED"
    title = "The refund does not wait for approval"
