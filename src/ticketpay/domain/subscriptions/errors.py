"""Why a venue cannot have a plan, or can sell no more by it."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Rejected

__all__ = ["PlanUnknown", "TicketCapReached"]


class PlanUnknown(Rejected):
    """There is no such plan (S19)."""

    code = "PLAN_UNKNOWN"
    title = "Invalid plan"


class TicketCapReached(Conflict):
    """The plan sells no more tickets this month: ``cap``, ``sold`` and ``wanted`` count tickets."""

    code = "TICKET_CAP_REACHED"
    title = "The plan's tickets of this month are sold"

    def __init__(self, *, cap: int, sold: int, wanted: int) -> None:
        super().__init__(f"{sold} of {cap} tickets of the month are sold, {wanted} more are wanted")
        self.cap = cap
        self.sold = sold
        self.wanted = wanted
