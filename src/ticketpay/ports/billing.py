"""The port for the provider, as far as venues pay it for their plans (S19)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.ledger import ProviderTotal
from ticketpay.domain.subscriptions import BillingFact, Plan, Subscription

__all__ = ["PlanBilling"]


class PlanBilling(Protocol):
    """**Protocol:** subscriptions at the provider; errors as in ``PaymentGateway``.

    What a subscription's pending wish asks for is done once, however often it is asked for: under
    keys made of the subscription's id and the wish's number, which are not sent once they are old;
    then only what has come of them is told. Every answer is read anew, never one that was kept there.
    """

    def start(self, tenant_id: TenantId, held: Subscription, plan: Plan) -> BillingFact:
        """Bill the venue for a plan from now on; raises ``PaymentDeclined`` when nothing is billed.

        Whatever else of ours still bills the venue is ended first.
        One that waits for the card's bank is incomplete, with a client secret.
        """
        ...

    def switch(self, tenant_id: TenantId, held: Subscription, plan: Plan) -> BillingFact:
        """Another plan from now on, at its price from the next period on, and no end of it.

        A new method pays from now on, at first what is open; raises ``PaymentDeclined``, and the
        plan is the former one.
        """
        ...

    def end(self, tenant_id: TenantId, held: Subscription) -> BillingFact:
        """Bill no other period; one that was never paid for ends at once.

        It is never declined: a request that can take effect no more has left a fact without an end.
        """
        ...

    def retrieve(self, tenant_id: TenantId, held: Subscription) -> BillingFact:
        """As it is now, with everything that the venue has ever paid; raises ``NotFound``."""
        ...

    def totals(self, tenant_id: TenantId) -> Iterator[ProviderTotal]:
        """What each paid invoice of the tenant's venues has brought, under the invoice's id."""
        ...
