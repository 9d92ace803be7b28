"""Sales taxes on tickets, by venue and day, from dated rules (S58).

Every rule says from which day on it holds, so that a refund or a late form can ask again for the
day of the sale. A tenant collects only where it has nexus. A state without a rule is an error,
never a silent zero (D6). The rules that ship with ticketpay are in ``data/*.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import attrs

from ticketpay.domain.money import Rate
from ticketpay.domain.pricing.errors import TaxJurisdictionUnknown
from ticketpay.domain.pricing.model import ChargeKind

__all__ = ["TaxRule", "TaxTable"]


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


_Index = Mapping[tuple[str, str | None], tuple[TaxRule, ...]]


def _indexed(rules: Iterable[TaxRule]) -> _Index:
    found: dict[tuple[str, str | None], tuple[TaxRule, ...]] = {}
    for rule in rules:
        place = (rule.state, rule.city)
        found[place] = (*found.get(place, ()), rule)
    return found


@attrs.frozen
class TaxTable:
    """All dated rules; a place's are found by its state and city, however many there are."""

    rules: tuple[TaxRule, ...]
    default_local: tuple[TaxRule, ...] = ()
    _index: _Index = attrs.field(init=False, eq=False, repr=False)

    @_index.default
    def _index_of_rules(self) -> _Index:
        return _indexed(self.rules)

    def rules_for(
        self, *, state: str, city: str, day: date, nexus_states: Iterable[str]
    ) -> tuple[TaxRule, ...]:
        """The taxes on a ticket for a venue in ``city``, ``state`` on ``day``.

        Empty where the tenant has no nexus. Raises ``TaxJurisdictionUnknown`` when it has nexus
        and no state rule holds on that day.
        """
        if state not in nexus_states:
            return ()
        statewide = self._held(state, None, day)
        if not statewide:
            raise TaxJurisdictionUnknown(f"no tax rule for {state} on {day.isoformat()}")
        local = self._held(state, city.strip().lower(), day)
        if not any(r.kind is ChargeKind.LOCAL_TAX for r in local):
            local = [*self._default_local(state, city, day), *local]
        return (*statewide, *local)

    def _held(self, state: str, city: str | None, day: date) -> list[TaxRule]:
        return [rule for rule in self._index.get((state, city), ()) if rule.holds_on(day)]

    def _default_local(self, state: str, city: str, day: date) -> list[TaxRule]:
        return [
            attrs.evolve(rule, city=city.strip().lower(), name=f"{city.strip()} Local Tax")
            for rule in self.default_local
            if rule.state == state and rule.holds_on(day)
        ]
