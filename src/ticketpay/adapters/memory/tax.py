"""Taxes in memory: a calculator that takes the same rates of everything."""

from __future__ import annotations

import attrs

from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import ChargeKind, TaxPart, TaxQuestion

__all__ = ["MemoryTaxRates"]


@attrs.frozen(kw_only=True)
class MemoryTaxRates:
    """``TaxRates`` with rates of its own; each of ``failures`` is raised once, in order."""

    state: Rate = Rate(62_500)
    local: Rate = Rate(20_000)
    failures: list[Unavailable] = attrs.field(factory=list)
    asked: list[TaxQuestion] = attrs.field(factory=list)

    def ask(self, question: TaxQuestion) -> tuple[TaxPart, ...]:
        self.asked.append(question)
        if self.failures:
            raise self.failures.pop(0)
        return (
            self._part(ChargeKind.STATE_TAX, f"{question.venue_state} Sales Tax", question),
            self._part(ChargeKind.LOCAL_TAX, "Local Tax", question),
        )

    def _part(self, kind: ChargeKind, name: str, question: TaxQuestion) -> TaxPart:
        rate = self.state if kind is ChargeKind.STATE_TAX else self.local
        cents = rate.of_cents(question.amount_cents)
        return TaxPart(kind=kind, name=name, rate=rate, cents=cents)
