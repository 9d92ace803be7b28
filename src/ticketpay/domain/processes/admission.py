"""Admission: what is done with a request before it is worked on, and what when nobody can count.

The outage policy of 3.10: without Redis requests are allowed and somebody is told; requests that
pay are counted in this process; a second purchase of a buyer is not refused early.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.admission import PurchaseInProgress, Turn
from ticketpay.domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    from ticketpay.domain.admission import Decision, Limit
    from ticketpay.domain.messaging import Answer
    from ticketpay.domain.processes.checkout import Checkout, PlaceOrder
    from ticketpay.ports.limits import PurchaseTurns, RateLimiter
    from ticketpay.ports.system import Ids

__all__ = ["AdmitRequest", "OneAtATime"]


@attrs.frozen(kw_only=True)
class AdmitRequest:
    """Asks ``shared``, the counter of all processes, and ``local`` when that one is down.

    Without ``shared`` this process counts alone and never waits for anybody.
    """

    local: RateLimiter
    shared: RateLimiter | None = None

    def __call__(self, limit: Limit, subject: str, *, pays: bool = False) -> Decision | None:
        """The decision; None lets a request through uncounted, which never happens if it pays."""
        if self.shared is None:
            return self.local.check(limit, subject)
        try:
            return self.shared.check(limit, subject)
        except Unavailable:
            return self.uncounted(limit, subject, pays=pays)

    def uncounted(self, limit: Limit, subject: str, *, pays: bool) -> Decision | None:
        """What is decided while the shared counter cannot be asked."""
        return self.local.check(limit, subject) if pays else None


@attrs.frozen(kw_only=True)
class OneAtATime:
    """``Checkout`` that refuses a buyer's second purchase while the first is under way (S16).

    A hint that spares the database; it never refuses a repetition, and without Redis it is skipped.
    """

    checkout: Checkout
    turns: PurchaseTurns
    ids: Ids

    def __call__(self, command: PlaceOrder) -> Answer:
        """As ``Checkout``; raises ``PurchaseInProgress`` before the key is claimed."""
        tenant, scope, owner = command.actor.tenant_id, command.key, self.ids.new()
        try:
            turn = self.turns.take(tenant, scope.user_id, scope.key, owner)
        except Unavailable:
            # It may have been taken all the same: the answer may be what was lost.
            turn = Turn.TAKEN
        if turn is Turn.REFUSED:
            raise PurchaseInProgress(
                "Another purchase of yours is being processed: repeat this one in a moment"
            )
        try:
            return self.checkout(command)
        finally:
            if turn is Turn.TAKEN:
                with suppress(Unavailable):
                    self.turns.release(tenant, scope.user_id, owner)
