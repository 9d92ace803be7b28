"""What the exchange rates promise: the newest day wins, and nothing that was loaded ever changes."""

from __future__ import annotations

import random
from datetime import date, timedelta
from uuid import UUID

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import audit_entry
from ticketpay.domain.money import CAD, EUR, GBP, USD, RatesConflict, RateTable
from ticketpay.domain.orders import Order
from ticketpay.ports.transactions import Tx

UNITS = {USD: 1_000_000, EUR: 854_321, GBP: 731_000, CAD: 1_251_234}


def some_day() -> date:
    """A day of this test alone: rates belong to no tenant, and databases are shared."""
    return date(2100, 1, 1) + timedelta(days=random.randrange(1_000_000))  # noqa: S311 - not secret


def table(day: date, source: str = "ecb") -> RateTable:
    """What a source says for a day."""
    return RateTable(units=UNITS, source=source, day=day)


@pytest.mark.spec("S23")
def test_the_newest_day_up_to_today_prices(backend: Backend) -> None:
    """Of all tables that of the newest day counts, but none of a day to come."""
    day = some_day()
    old, new = table(day - timedelta(days=2)), table(day)
    for one in (new, old):
        assert backend.loader.load(one, backend.now())

    def newest(tx: Tx) -> tuple[RateTable | None, ...]:
        days = (day + timedelta(days=1), day, day - timedelta(days=1))
        return tuple(tx.rates.newest(until)() for until in days)

    found = backend.run(newest)
    assert found[1:] == (new, old)
    assert backend.run(lambda tx: tx.rates.newest(date(1999, 1, 1))()) is None
    assert backend.run_as_other(newest) == found


@pytest.mark.spec("S23")
def test_of_two_sources_the_later_word_counts(backend: Backend) -> None:
    """Two sources for one day both stay; what came last prices, and is listed first."""
    day, now = some_day(), backend.now()
    first, second = table(day, "zzz"), table(day, "aaa")
    third = table(day, "mmm")
    backend.loader.load(first, now)
    backend.loader.load(third, now + timedelta(seconds=2))
    backend.loader.load(second, now + timedelta(seconds=1))
    assert backend.run(lambda tx: tx.rates.newest(day)()) == third
    listed = backend.run(lambda tx: tx.rates.listed(1_000)())
    assert [one for one in listed if one.day == day] == [third, second, first]
    assert len(backend.run(lambda tx: tx.rates.listed(2)())) == 2


@pytest.mark.spec("S23")
def test_what_was_loaded_never_changes(backend: Backend) -> None:
    """The same content again is nothing new; other content is a conflict, and nothing has changed."""
    said = table(some_day())
    assert backend.loader.load(said, backend.now())
    assert not backend.loader.load(said, backend.now() + timedelta(days=1))
    other = attrs.evolve(said, units={**UNITS, EUR: 854_322})
    fewer = attrs.evolve(said, units={USD: 1_000_000, EUR: 854_321})
    for changed in (other, fewer):
        with pytest.raises(RatesConflict):
            backend.loader.load(changed, backend.now())
    found = backend.run(lambda tx: (tx.rates.of("ecb", said.day)(), tx.rates.of("x", said.day)()))
    assert found == (said, None)


@pytest.mark.spec("S23")
def test_every_tenant_can_see_who_loaded(backend: Backend) -> None:
    """Rates are everybody's: the trail of each tenant has the entry, once."""
    said, entry = table(some_day()), audit_entry(backend.now(), action="rates.load")
    backend.loader.load(said, backend.now(), entry)
    backend.loader.load(said, backend.now(), audit_entry(backend.now(), action="rates.load"))
    for run in (backend.run, backend.run_as_other):
        latest = run(lambda tx: tx.audit.latest(100)())
        assert [one for one in latest if one.action == "rates.load"] == [entry]


@pytest.mark.spec("S23")
def test_an_order_keeps_its_rate(backend: Backend) -> None:
    """A quote and an order come back with the rate that they were priced by, also when locked."""
    now, home = backend.now(), backend.home
    home = attrs.evolve(home, currencies=frozenset({EUR}))
    rate = table(date(2026, 6, 14)).rate(USD, EUR)
    quote = home.quote(home.demand(2, "A1"), now, exchange=rate)
    order = home.order(now, home.demand(2, "A1"), exchange=rate)

    def write(tx: Tx) -> None:
        tx.quotes.add(quote)
        tx.orders.add(order)

    backend.run(write)
    assert backend.run(lambda tx: tx.quotes.get(quote.id)()) == quote
    assert backend.run(lambda tx: tx.orders.get(order.id)()) == order

    def locked(tx: Tx) -> Order | None:
        return tx.orders.lock(order.id)()

    found = backend.run(locked)
    assert found is not None
    assert (found.exchange, found.currency) == (rate, EUR)
    newest = backend.run(lambda tx: tx.listings.orders(UUID(int=(1 << 128) - 1), 10)())
    assert [one.exchange for one in newest if one.id == order.id] == [rate]


@pytest.mark.spec("S23")
def test_an_event_says_what_it_is_sold_in(backend: Backend) -> None:
    """The other currencies of an event are loaded with it, and given up with it."""
    home = attrs.evolve(backend.home, currencies=frozenset({EUR, GBP}))
    for scenery in (home, backend.home):
        backend.writer.load(scenery.catalog)
        offer = backend.run(lambda tx: tx.catalog.offer(home.event_id)())
        assert offer == scenery.offer
