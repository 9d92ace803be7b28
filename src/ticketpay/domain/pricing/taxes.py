"""Sales taxes on tickets, by venue and day, from dated rules (S58).

Every rule says from which day on it holds, so that a refund or a late form can ask again for the
day of the sale. A tenant collects only where it has nexus. Tennessee and Texas are held here; a
state without a rule is an error, never a silent zero (D6).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Final

import attrs

from ticketpay.domain.money import Rate
from ticketpay.domain.pricing.errors import TaxJurisdictionUnknown
from ticketpay.domain.pricing.model import ChargeKind

__all__ = ["TaxRule", "TaxTable", "tax_table"]


@attrs.frozen(kw_only=True)
class TaxRule:
    """One tax: where (``city`` lower-case, None = the whole state), how much, from when."""

    state: str
    city: str | None
    kind: ChargeKind
    name: str
    rate: Rate
    valid_from: date
    valid_to: date | None = None
    source: str = "rule book S58"

    def holds_on(self, day: date) -> bool:
        """Whether the rule is in force on ``day`` (``valid_to`` exclusive)."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@attrs.frozen
class TaxTable:
    """All dated rules, by state."""

    rules: tuple[TaxRule, ...]
    default_local: tuple[TaxRule, ...] = ()

    def rules_for(
        self, *, state: str, city: str, day: date, nexus_states: Iterable[str]
    ) -> tuple[TaxRule, ...]:
        """The taxes on a ticket for a venue in ``city``, ``state`` on ``day``.

        Empty where the tenant has no nexus. Raises ``TaxJurisdictionUnknown`` when it has nexus
        and no state rule holds on that day.
        """
        if state not in nexus_states:
            return ()
        town = city.strip().lower()
        held = [r for r in self.rules if r.state == state and r.holds_on(day)]
        statewide = [r for r in held if r.city is None]
        if not statewide:
            raise TaxJurisdictionUnknown(f"no tax rule for {state} on {day.isoformat()}")
        local = [r for r in held if r.city == town]
        if not any(r.kind is ChargeKind.LOCAL_TAX for r in local):
            local = [*self._default_local(state, city, day), *local]
        return (*statewide, *local)

    def _default_local(self, state: str, city: str, day: date) -> list[TaxRule]:
        return [
            attrs.evolve(rule, city=city.strip().lower(), name=f"{city.strip()} Local Tax")
            for rule in self.default_local
            if rule.state == state and rule.holds_on(day)
        ]


_SINCE: Final = date(2020, 1, 1)
_TENNESSEE_LOCAL_PPM: Final = {
    "Nashville": 22_500,
    "Memphis": 27_500,
    "Knoxville": 22_500,
    "Chattanooga": 22_500,
    "Clarksville": 25_000,
    "Murfreesboro": 27_500,
    "Franklin": 27_500,
    "Jackson": 27_500,
    "Johnson City": 25_000,
}


def _tennessee() -> tuple[TaxRule, ...]:
    state = TaxRule(
        state="TN",
        city=None,
        kind=ChargeKind.STATE_TAX,
        name="Tennessee Sales Tax",
        rate=Rate(70_000),
        valid_from=_SINCE,
    )
    local = [
        attrs.evolve(
            state,
            city=city.lower(),
            kind=ChargeKind.LOCAL_TAX,
            name=f"{city} Local Tax",
            rate=Rate(ppm),
        )
        for city, ppm in _TENNESSEE_LOCAL_PPM.items()
    ]
    entertainment = [
        attrs.evolve(
            state,
            city=city,
            kind=ChargeKind.SPECIAL_TAX,
            name="Entertainment Tax",
            rate=Rate(10_000),
        )
        for city in ("nashville", "memphis")
    ]
    return (state, *local, *entertainment)


@cache
def tax_table() -> TaxTable:
    """The rules that ship with ticketpay: Tennessee with its cities, and Texas."""
    tennessee = _tennessee()
    texas = TaxRule(
        state="TX",
        city=None,
        kind=ChargeKind.STATE_TAX,
        name="Texas Sales Tax",
        rate=Rate(62_500),
        valid_from=_SINCE,
    )
    elsewhere = attrs.evolve(
        tennessee[0], kind=ChargeKind.LOCAL_TAX, name="Local Tax", rate=Rate(22_500)
    )
    return TaxTable((*tennessee, texas), default_local=(elsewhere,))
