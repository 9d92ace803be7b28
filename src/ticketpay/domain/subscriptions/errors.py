"""Why a venue cannot have a plan, or can sell no more by it."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Rejected

__all__ = ["PlanBilledElsewhere", "PlanChangePending", "PlanUnknown", "TicketCapReached"]


class PlanUnknown(Rejected):
    """There is no such plan (S19)."""

    code = "PLAN_UNKNOWN"
    title = "Invalid plan"


class PlanChangePending(Conflict):
    """The venue has asked for another change, and the provider has not decided about it yet."""

    code = "PLAN_CHANGE_PENDING"
    title = "Another change of the plan is under way"


class PlanBilledElsewhere(Conflict):
    """The provider bills the plan, and this service was started with PLAN_BILLING=off."""

    code = "PLAN_BILLING_OFF"
    title = "The plan is billed, and billing is switched off"


class TicketCapReached(Conflict):
    """The plan sells no more tickets this month: ``cap``, ``sold`` and ``wanted`` count tickets."""

    code = "TICKET_CAP_REACHED"
    title = "The plan's tickets of this month are sold"

    def __init__(self, *, cap: int, sold: int, wanted: int) -> None:
        super().__init__(f"{sold} of {cap} tickets of the month are sold, {wanted} more are wanted")
        self.cap = cap
        self.sold = sold
        self.wanted = wanted
