"""Asking for a tax between two transactions: what is asked, when, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.adapters.memory import MemoryCatalog, MemoryTaxRates
from ticketpay.domain.catalog import Catalog
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.messaging import Outcome
from ticketpay.domain.money import Rate
from ticketpay.domain.orders import Order
from ticketpay.domain.pricing import (
    Address,
    Charge,
    ChargeKind,
    TaxJurisdictionUnknown,
    TaxNeeded,
    TaxPart,
    TaxQuestion,
)

HOME = Address(street="1 Elm St", city="Austin", state="TX", zip="78701")


@attrs.define(kw_only=True)
class Rates:
    """A calculator that notes its questions and can be told what else happens while it thinks."""

    inner: MemoryTaxRates = attrs.field(factory=MemoryTaxRates)
    meanwhile: Callable[[], None] = attrs.field(default=lambda: None)

    def ask(self, question: TaxQuestion) -> tuple[TaxPart, ...]:
        self.meanwhile()
        return self.inner.ask(question)

    @property
    def asked(self) -> list[int]:
        return [question.amount_cents for question in self.inner.asked]


def system_in(state: str, city: str, rates: Rates | None) -> tuple[Sandboxed, list[str]]:
    """A system at a venue, and the steps of its transactions."""
    steps: list[str] = []
    system = Sandboxed(seed=1, city=city, state=state, tax_rates=rates, on_step=steps.append)
    return system, steps


def buy(system: Sandboxed, customer: Address | None = HOME, count: int = 1) -> Order:
    """A sale without a quote."""
    actor, demand = system.scenery.actor(), system.scenery.demand(count)
    command = place_order(actor, uuid4(), demand, customer=customer)
    answer = system.app.checkout(command)
    assert answer.outcome is Outcome.COMPLETED, answer.body
    *_, order = system.uow.store.of(system.scenery.tenant).orders.values()
    return order


def taxes(order: Order) -> list[tuple[ChargeKind, int, bool]]:
    return [(c.kind, c.cents, c.estimated) for c in order.charges if c.kind.is_tax]


@pytest.mark.spec("S58", "S58 D2")
def test_outside_tennessee_the_calculator_decides() -> None:
    """With an address and a calculator its parts are charged, and each ticket has its share."""
    rates = Rates()
    system, _ = system_in("TX", "Dallas", rates)
    order = buy(system, count=3)

    assert rates.asked == [15_000]
    assert taxes(order) == [(ChargeKind.STATE_TAX, 938, False), (ChargeKind.LOCAL_TAX, 300, False)]
    lines = [[c.cents for c in t.charges if c.kind.is_tax] for t in order.tickets]
    assert [sum(parts) for parts in zip(*lines, strict=True)] == [938, 300]
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S58")
@pytest.mark.parametrize(
    ("state", "city", "customer", "expected"),
    [
        ("TN", "Nashville", HOME, [350, 113, 50]),
        ("TX", "Dallas", None, [313]),
    ],
)
def test_our_own_table_asks_nobody(
    state: str, city: str, customer: Address | None, expected: list[int]
) -> None:
    """Tennessee has our table, and without an address the state's rate is taken; not an estimate."""
    rates = Rates()
    system, steps = system_in(state, city, rates)
    order = buy(system, customer)

    assert [cents for _, cents, _ in taxes(order)] == expected
    assert not any(estimated for *_, estimated in taxes(order))
    assert rates.asked == []
    alone, plain = system_in(state, city, None)
    buy(alone, None)
    assert steps == plain, "it costs no transaction and no statement more"


@pytest.mark.spec("S58")
def test_without_a_calculator_the_states_rate_is_taken() -> None:
    """Without a key for TaxJar an address changes nothing."""
    system, _ = system_in("TX", "Dallas", None)
    assert taxes(buy(system)) == [(ChargeKind.STATE_TAX, 313, False)]


@pytest.mark.spec("S58 D3", "3.10")
def test_a_failure_is_an_estimate_that_can_be_found() -> None:
    """With the calculator down the sale goes on at the state's rate, flagged on every line, told."""
    rates = Rates(inner=MemoryTaxRates(failures=[Unavailable("down"), Unavailable("down")]))
    system, _ = system_in("TX", "Dallas", rates)
    order = buy(system)

    estimate = Charge(
        ChargeKind.STATE_TAX, "Texas Sales Tax", Rate(62_500), 313, refundable=True, estimated=True
    )
    assert [c for c in order.charges if c.kind.is_tax] == [estimate]
    assert estimate in order.tickets[0].charges
    assert system.alerts.kinds() == ["tax_estimated"]
    (alert,) = system.alerts.raised
    assert alert.ids == {"tenant": str(system.scenery.tenant)}
    assert "Elm" not in alert.detail

    quote = system.app.give_quote(system.scenery.actor(), system.scenery.demand(1), HOME)
    assert quote.tax_estimated
    assert system.app.list_estimated_taxes(system.scenery.tenant) == (order.id,)
    shown = system.app.show_order(
        attrs.evolve(system.scenery.actor(), user_id=order.user_id), order.id
    )
    assert [tax.get("estimated") for tax in shown["taxes"]] == [True]  # type: ignore[attr-defined]  # a view is JSON


@pytest.mark.spec("S58", "S36")
def test_nobody_is_asked_inside_a_transaction() -> None:
    """While the calculator thinks, no transaction is open and nothing of the sale is kept."""
    rates = Rates()
    system, steps = system_in("TX", "Dallas", rates)

    def look() -> None:
        assert system.uow.store.current is None
        assert steps[-1] == "tx.rollback"
        tables = system.uow.store.of(system.scenery.tenant)
        assert not list(tables.orders.values())
        assert system.stock() == (0, 0)

    rates.meanwhile = look
    buy(system)
    system.app.give_quote(system.scenery.actor(), system.scenery.demand(1), None)
    assert len(rates.asked) == 1


@pytest.mark.spec("S58", "S18")
def test_an_offer_that_changes_meanwhile_is_asked_for_again() -> None:
    """A price that changes while the tax is asked for is asked again; the sale is of one price."""
    rates = Rates()
    system, _ = system_in("TX", "Dallas", rates)

    def dearer() -> None:
        if not rates.asked:
            MemoryCatalog(system.uow).load(_priced(system, 6_000))

    rates.meanwhile = dearer
    order = buy(system)
    assert rates.asked == [5_000, 6_000]
    assert (order.tickets_cents, taxes(order)[0][1]) == (6_000, 375)


@pytest.mark.spec("S58")
def test_an_offer_that_never_rests_is_not_sold() -> None:
    """When every look finds another price, the buyer may try again; nothing was kept."""
    rates = Rates()
    system, _ = system_in("TX", "Dallas", rates)

    def dearer() -> None:
        MemoryCatalog(system.uow).load(_priced(system, 6_000 + len(rates.asked)))

    rates.meanwhile = dearer
    with pytest.raises(TaxNeeded):
        buy(system)
    assert len(rates.asked) == 2
    assert system.stock() == (0, 0)


@pytest.mark.spec("S58", "S11")
def test_a_repetition_asks_nobody() -> None:
    """The same key again is answered from what is kept, whatever the calculator would say now."""
    rates = Rates()
    system, _ = system_in("TX", "Dallas", rates)
    actor, key, demand = system.scenery.actor(), uuid4(), system.scenery.demand(1)
    command = place_order(actor, key, demand, customer=HOME)
    first = system.app.checkout(command)
    again = system.app.checkout(command)
    assert again.body == first.body
    assert again.replayed
    assert len(rates.asked) == 1


@pytest.mark.spec("S58 D6")
def test_no_calculator_helps_where_there_is_no_rule() -> None:
    """In a territory without a rule the sale is refused before anybody is asked."""
    rates = Rates()
    system, _ = system_in("PR", "San Juan", rates)
    with pytest.raises(TaxJurisdictionUnknown):
        system.app.give_quote(system.scenery.actor(), system.scenery.demand(1), HOME)
    assert rates.asked == []


def test_an_order_prints_no_address() -> None:
    """Neither the command nor what it is asked with shows where a buyer lives (R13)."""
    system, _ = system_in("TX", "Dallas", None)
    command = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1), customer=HOME)
    assert not [secret for secret in ("Elm", "Austin", "78701") if secret in repr(command)]


def _priced(system: Sandboxed, cents: int) -> Catalog:
    """The catalogue with another price for standing tickets."""
    catalog = system.scenery.catalog
    types = tuple(
        attrs.evolve(
            stocked,
            type=attrs.evolve(stocked.type, price=attrs.evolve(stocked.type.price, cents=cents)),
        )
        if stocked.type.id == system.scenery.standing
        else stocked
        for stocked in catalog.types
    )
    return attrs.evolve(catalog, types=types)
