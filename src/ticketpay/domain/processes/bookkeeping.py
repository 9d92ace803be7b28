"""Bookkeeping: the trial balance, the verification against the provider, the roll-up (S20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.ledger import Balance, LedgerReport, ProviderTotal, verify_ledger

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.subscriptions import PaidInvoice
    from ticketpay.ports.billing import PlanBilling
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.payouts import PayoutGateway
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["RollUpLedger", "TrialBalance", "VerifyLedger"]

ROLL_UP_POSTINGS_MAX: Final = 1_000


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TrialBalance:
    """``ticketpay ledger trial-balance``: every account of a tenant with its balance."""

    uow: UnitOfWork

    def __call__(self, tenant: TenantId) -> tuple[Balance, ...]:
        """All balances in cents, debits positive."""
        return self.uow.run(tenant, lambda tx: tx.ledger.balances()())


@attrs.frozen(kw_only=True, eq=False, repr=False)
class VerifyLedger:
    """``ticketpay ledger verify``: the ledger against itself and against the provider."""

    uow: UnitOfWork
    gateway: PaymentGateway
    payouts: PayoutGateway | None = None
    billing: PlanBilling | None = None

    def __call__(self, tenant: TenantId) -> LedgerReport:
        """The report; the provider is read outside any transaction.

        Where nobody can ask it about plans, what they have brought is what their invoices say.
        """
        totals = [
            ProviderTotal(
                payment_id=fact.payment_id,
                account=fact.ref.account,
                currency=fact.received.currency.code,
                cents=fact.received.cents,
            )
            for fact in self.gateway.list_intents(tenant)
            if fact.received.cents
        ]
        if self.payouts is not None:
            totals += self.payouts.totals(tenant)
        if self.billing is not None:
            totals += self.billing.totals(tenant)
        balances, booked, invoices = self.uow.run(
            tenant,
            lambda tx: (
                tx.ledger.balances()(),
                tx.ledger.booked_by_payment()(),
                () if self.billing is not None else tx.plan_invoices.of_tenant()(),
            ),
        )
        return verify_ledger(balances, booked, [*totals, *map(_kept, invoices)])


def _kept(paid: PaidInvoice) -> ProviderTotal:
    return ProviderTotal(
        payment_id=paid.id,
        account="",
        currency=paid.amount.currency.code,
        cents=paid.amount.cents,
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RollUpLedger:
    """The worker's step: move postings from the tail into the checkpoints of a tenant."""

    uow: UnitOfWork

    def __call__(self, tenant: TenantId) -> int:
        """How many postings were moved, at most 1,000 at a time."""
        return self.uow.run(tenant, lambda tx: tx.ledger.roll_up(ROLL_UP_POSTINGS_MAX)())
