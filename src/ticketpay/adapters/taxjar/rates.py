"""``TaxRates`` from TaxJar: one order with one line, and only an answer that adds up is believed.

Answers are remembered for ten minutes by address and amount, at most a thousand of them.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, Self

import attrs

from ticketpay.adapters.taxjar.client import TaxJarClient
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import ChargeKind, TaxPart, TaxQuestion

__all__ = ["TaxJarRates"]

_TICKETS: Final = "20410"
"""The product tax code of S58."""

_CACHED_SECONDS: Final = 600.0
_CACHED_MAX: Final = 1_000
_PPM: Final = 1_000_000
_CENT: Final = Decimal("0.01")
_LIKELY_MAX: Final = Decimal(1_000_000_000)

# What a part is made of: names of its amounts and rates in TaxJar's breakdown (part 0.4).
_PARTS: Final = (
    (ChargeKind.STATE_TAX, ("state_tax_collectable",), ("state_tax_rate",)),
    (
        ChargeKind.LOCAL_TAX,
        ("county_tax_collectable", "city_tax_collectable"),
        ("county_tax_rate", "city_tax_rate"),
    ),
    (ChargeKind.SPECIAL_TAX, ("special_district_tax_collectable",), ("special_tax_rate",)),
)


@attrs.define(eq=False, repr=False)
class TaxJarRates:
    """Fulfils ``TaxRates``; safe to share between threads."""

    _client: TaxJarClient
    _now: Callable[[], float] = time.monotonic
    _known: OrderedDict[TaxQuestion, tuple[float, tuple[TaxPart, ...]]] = attrs.field(
        factory=OrderedDict, init=False
    )
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def create(cls, api_key: str, *, api_base: str = "", timeout_seconds: float = 3.0) -> Self:
        """Over HTTP; ``api_base`` is another address than TaxJar's own."""
        return cls(TaxJarClient(api_key, api_base, timeout_seconds))

    def ask(self, question: TaxQuestion) -> tuple[TaxPart, ...]:
        parts = self._remembered(question)
        if parts is None:
            parts = _parts(self._client.tax_for_order(_order(question)), question)
            self._remember(question, parts)
        return parts

    def _remembered(self, question: TaxQuestion) -> tuple[TaxPart, ...] | None:
        with self._lock:
            until, parts = self._known.get(question, (0.0, None))
            return parts if self._now() < until else None

    def _remember(self, question: TaxQuestion, parts: tuple[TaxPart, ...]) -> None:
        with self._lock:
            self._known[question] = (self._now() + _CACHED_SECONDS, parts)
            self._known.move_to_end(question)
            while len(self._known) > _CACHED_MAX:
                self._known.popitem(last=False)


def _order(question: TaxQuestion) -> dict[str, object]:
    # The nearest float to a number of cents is written with exactly two decimals.
    dollars = float(Decimal(question.amount_cents) * _CENT)
    home = question.customer
    return {
        "from_country": "US",
        "from_state": question.venue_state,
        "from_city": question.venue_city,
        "to_country": home.country,
        "to_state": home.state,
        "to_city": home.city,
        "to_zip": home.zip,
        "to_street": home.street,
        "amount": dollars,
        "shipping": 0,
        "line_items": [
            {"id": "1", "quantity": 1, "product_tax_code": _TICKETS, "unit_price": dollars}
        ],
    }


def _parts(document: object, question: TaxQuestion) -> tuple[TaxPart, ...]:
    """The parts; raises ``Unavailable`` for an answer that is not one or does not add up."""
    tax = _object(document, "tax")
    if tax.get("has_nexus") is False and tax.get("breakdown") is None:
        return _untaxed(tax, question)
    breakdown = _object(tax, "breakdown")
    total = _cents(tax, "amount_to_collect")
    found = []
    for kind, amounts, rates in _PARTS:
        cents = sum(_cents(breakdown, name) for name in amounts)
        if cents or kind is ChargeKind.STATE_TAX:
            rate = _rate(breakdown, rates, cents, question.amount_cents)
            name = _name(kind, question)
            found.append(TaxPart(kind=kind, name=name, rate=rate, cents=cents))
    if sum(part.cents for part in found) != total or total > question.amount_cents:
        raise Unavailable("the parts of TaxJar's answer do not add up")
    return tuple(found)


def _untaxed(tax: Mapping[str, object], question: TaxQuestion) -> tuple[TaxPart, ...]:
    """Without nexus TaxJar names no parts, and nothing is collected."""
    if _cents(tax, "amount_to_collect"):
        raise Unavailable("TaxJar collects where it says that there is no nexus")
    kind = ChargeKind.STATE_TAX
    return (TaxPart(kind=kind, name=_name(kind, question), rate=Rate(0), cents=0),)


def _name(kind: ChargeKind, question: TaxQuestion) -> str:
    if kind is ChargeKind.STATE_TAX:
        return f"{question.venue_state} Sales Tax"
    return "Local Tax" if kind is ChargeKind.LOCAL_TAX else "Special District Tax"


def _object(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise Unavailable(f"TaxJar's answer has no {name}")
    return found


def _number(values: Mapping[str, object], name: str) -> Decimal:
    value = values.get(name)
    # A bool is an int, a text is no amount; Decimal alone would take both.
    if type(value) is not int and not isinstance(value, Decimal):
        raise Unavailable(f"TaxJar's answer has no number {name}")
    number = Decimal(value)
    if not 0 <= number <= _LIKELY_MAX:
        raise Unavailable(f"TaxJar's answer has an impossible {name}")
    return number


def _cents(values: Mapping[str, object], name: str) -> int:
    try:
        return int(_number(values, name).quantize(_CENT, ROUND_HALF_UP).scaleb(2))
    except InvalidOperation as error:
        raise Unavailable(f"TaxJar's answer has an impossible {name}") from error


def _rate(
    breakdown: Mapping[str, object], names: tuple[str, ...], cents: int, amount_cents: int
) -> Rate:
    """The rate that TaxJar names; what the part comes to if it names none."""
    if all(name in breakdown for name in names):
        share = sum((_number(breakdown, name) for name in names), Decimal()) * _PPM
        if share > _PPM:
            raise Unavailable("TaxJar's answer has a rate above 100 %")
        return Rate(int(share.to_integral_value(ROUND_HALF_UP)))
    share = Decimal(cents * _PPM) / amount_cents
    return Rate(int(share.to_integral_value(ROUND_HALF_UP)))
