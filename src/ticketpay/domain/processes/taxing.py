"""Taxing: whoever prices asks for the tax between two transactions, never inside one (S58).

A price that needs an answer leaves its transaction with ``TaxNeeded``; nothing of it is kept. The
question is asked, and the price is given again with the answer. Prices that need none cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.pricing import TaxAnswer, TaxInquiry, TaxNeeded, TaxQuestion

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import OrderId, TenantId
    from ticketpay.domain.pricing import Address
    from ticketpay.ports.system import Alerts
    from ticketpay.ports.tax import TaxRates
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["ListEstimatedTaxes", "TaxDesk"]

T = TypeVar("T")
_ASKED_MAX: Final = 2


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TaxDesk:
    """Asks the calculator, if there is one."""

    rates: TaxRates | None
    alerts: Alerts

    def priced(
        self,
        tenant_id: TenantId,
        customer: Address | None,
        price: Callable[[TaxInquiry | None], T],
    ) -> T:
        """What ``price`` gives, with its tax asked for if it needs one.

        Raises what ``price`` raises; ``TaxNeeded`` only if the offer changes again and again.
        """
        if self.rates is None or customer is None:
            return price(None)
        inquiry = TaxInquiry(customer)
        for _ in range(_ASKED_MAX):
            try:
                return price(inquiry)
            except TaxNeeded as needed:
                answer = self._answer(self.rates, tenant_id, needed.question)
                inquiry = attrs.evolve(inquiry, answer=answer)
        return price(inquiry)

    def _answer(self, rates: TaxRates, tenant_id: TenantId, question: TaxQuestion) -> TaxAnswer:
        try:
            return TaxAnswer(question, rates.ask(question))
        except TicketpayError as error:
            self.alerts.raise_alert(
                "tax_estimated",
                f"the state's rate is taken in {question.venue_state}: {error.detail}",
                tenant=str(tenant_id),
            )
            return TaxAnswer(question, None)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ListEstimatedTaxes:
    """The sales of a tenant whose tax is to be calculated again, oldest first (S58 D3)."""

    uow: UnitOfWork

    def __call__(self, tenant_id: TenantId, limit: int = 100) -> tuple[OrderId, ...]:
        """At most ``limit`` orders."""
        return self.uow.run(tenant_id, lambda tx: tx.orders.with_estimated_tax(limit)())
