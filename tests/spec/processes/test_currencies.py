"""A sale in the buyer's currency, from the quote to the refund: one rate, kept (S23 D2, S20 D5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.money import (
    CAD,
    DEVELOPMENT_RATES,
    EUR,
    GBP,
    USD,
    Currency,
    ExchangeRate,
    Money,
    RateTable,
)
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import Payment
from ticketpay.domain.payouts import PayoutRules, PayoutState
from ticketpay.domain.pricing import ExchangeRules, RateUnavailable, WrongCurrency
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.domain.processes.refund_commands import RefundRequest

ALL = frozenset(Currency)


def rates(system: Sandboxed, euro: int = 8_500, *, days_ago: int = 0) -> RateTable:
    """What a source says: so many ten-thousandths of a euro to the dollar."""
    day = system.clock.now().date() - timedelta(days=days_ago)
    return RateTable(units={**DEVELOPMENT_RATES.units, EUR: euro}, source="ecb", day=day)


@pytest.fixture
def abroad() -> Sandboxed:
    """An event in euros that is sold in all four currencies, and today's rates."""
    made = Sandboxed(seed=1, capacity=1_000, currency=EUR, currencies=ALL - {EUR})
    made.load_rates(rates(made))
    return made


def buy(system: Sandboxed, currency: Currency | None = None, count: int = 2) -> Answer:
    """A purchase without a quote."""
    demand = system.scenery.demand(count, currency=currency)
    return system.app.checkout(place_order(system.scenery.actor(), uuid4(), demand))


def payment_of(system: Sandboxed, answer: Answer) -> Payment:
    """The payment that an answer tells of."""
    return next(p for p in system.payments() if str(p.id) == answer.body["id"])


def stored_rate(system: Sandboxed, answer: Answer) -> ExchangeRate | None:
    """The rate that the order of a payment has kept."""
    order_id = payment_of(system, answer).order_id
    order = system.uow.store.of(system.scenery.tenant).orders.get(order_id)
    assert order is not None
    return order.exchange


def refund(system: Sandboxed, answer: Answer, **more: Any) -> Answer:
    """An admin refunds the whole of a sale."""
    actor = attrs.evolve(system.scenery.actor(), role=Role.ADMIN)
    return system.app.refunding.ask(
        RefundRequest(
            actor=actor,
            key=KeyScope(actor.user_id, uuid4()),
            request_hash="refund",
            payment_id=payment_of(system, answer).id,
            **more,
        )
    )


def settle(system: Sandboxed) -> None:
    """Everything that is due happens."""
    for _ in range(6):
        system.receive_all()
        system.work()
        system.clock.advance(60)


@pytest.mark.spec("S23")
@pytest.mark.parametrize(
    ("currency", "tickets", "total"),
    # Two tickets of 50.00 EUR, by hand: 58.82 USD, 42.94 GBP, 73.53 CAD each; 8.2 %; 0.50 EUR are
    # 0.59 USD, 0.43 GBP, 0.74 CAD each; 7 %, 2.25 % and 1 % of tax.
    [(None, 10_000, 11_945), (USD, 11_764, 14_053), (GBP, 8_588, 10_258), (CAD, 14_706, 17_567)],
)
def test_a_buyer_pays_in_a_currency_of_his_own(
    abroad: Sandboxed, currency: Currency | None, tickets: int, total: int
) -> None:
    """Prices are converted once by one rate; payment, ledger, venue and provider stay in the target."""
    answer = buy(abroad, currency)
    assert answer.outcome is Outcome.COMPLETED
    paid, amount = currency or EUR, Money(total, currency or EUR)
    (payment,) = abroad.payments()
    (fact,) = abroad.provider_facts()
    assert (payment.amount, fact.received) == (amount, amount)
    assert (answer.body["currency"], answer.body["amountCents"]) == (paid.code, total)
    rate = None if currency is None else rates(abroad).rate(EUR, currency)
    assert stored_rate(abroad, answer) == rate
    balance = abroad.app.venue_money.show.balance(
        attrs.evolve(abroad.scenery.actor(), role=Role.ADMIN), abroad.scenery.venue_id
    )
    assert [(b["currency"], b["pendingCents"]) for b in balance["balances"]] == [  # type: ignore[attr-defined] # JSON
        (paid.code, tickets)
    ]
    report = abroad.app.verify_ledger(abroad.scenery.tenant)
    assert report.ok
    assert report.provider_cents == {paid.code: total}


@pytest.mark.spec("S23", "S13")
def test_an_event_that_names_no_others_is_sold_in_its_own_alone() -> None:
    """Another currency is refused with its own error, under the key too, and nothing has changed."""
    system = Sandboxed(seed=1)
    system.load_rates(rates(system))
    with pytest.raises(WrongCurrency, match="is sold in USD, not in EUR"):
        system.app.give_quote(system.scenery.actor(), system.scenery.demand(1, currency=EUR))
    answer = buy(system, EUR)
    assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "CURRENCY_MISMATCH")
    assert not system.payments()
    assert system.stock() == (0, 0)
    assert buy(system, USD).outcome is Outcome.COMPLETED


@pytest.mark.spec("S23")
def test_old_rates_sell_nothing_and_cost_no_key(abroad: Sandboxed) -> None:
    """Four days later the sale is unavailable; once rates are there the same key buys."""
    abroad.clock.advance(4 * 24 * 3600)
    demand = abroad.scenery.demand(1, currency=USD)
    command = place_order(abroad.scenery.actor(), uuid4(), demand)
    for _ in range(2):
        with pytest.raises(RateUnavailable):
            abroad.app.checkout(command)
    with pytest.raises(RateUnavailable):
        abroad.app.give_quote(abroad.scenery.actor(), demand)
    assert not abroad.payments()
    assert abroad.stock() == (0, 0)
    assert buy(abroad).outcome is Outcome.COMPLETED  # in its own currency it needs no rate
    abroad.load_rates(rates(abroad))
    assert abroad.app.checkout(command).outcome is Outcome.COMPLETED


@pytest.mark.spec("S23")
def test_an_event_that_is_off_sale_is_refused_as_that(abroad: Sandboxed) -> None:
    """Old rates make nobody try again what will never be sold."""
    abroad.clock.advance(9 * 24 * 3600)
    home = abroad.scenery
    abroad.app.cancel_event(home.tenant, home.event_id, audit_entry(abroad.clock.now()))
    assert buy(abroad, USD).body["code"] == "EVENT_NOT_ON_SALE"


@pytest.mark.spec("S23")
def test_without_rates_only_development_sells() -> None:
    """Nothing was ever loaded: production refuses, development has the constants of the rule book."""
    strict = Sandboxed(seed=1, currencies=ALL)
    with pytest.raises(RateUnavailable):
        buy(strict, EUR)
    play = Sandboxed(seed=1, currencies=ALL, exchange=ExchangeRules(fallback=DEVELOPMENT_RATES))
    answer = buy(play, EUR)
    assert stored_rate(play, answer) == DEVELOPMENT_RATES.rate(USD, EUR)
    assert answer.body["exchangeRate"] == {
        "base": "USD",
        "target": "EUR",
        "rate": "0.85",
        "numerator": 8_500,
        "denominator": 10_000,
        "source": "development",
        "date": "2025-01-01",
    }


@pytest.mark.spec("S23", "S18")
def test_a_quote_keeps_its_rate(abroad: Sandboxed) -> None:
    """New rates are loaded: who has a quote pays by the old ones, who has none by the new ones."""
    actor, demand = abroad.scenery.actor(), abroad.scenery.demand(1, currency=USD)
    abroad.clock.advance(24 * 3600)
    quote = abroad.app.give_quote(actor, demand)
    abroad.load_rates(rates(abroad, 5_000))
    held = abroad.app.checkout(place_order(actor, uuid4(), demand, quote_id=quote.id))
    fresh = abroad.app.checkout(place_order(actor, uuid4(), demand))
    assert (quote.tickets_cents, held.body["amountCents"]) == (5_882, quote.total.cents)
    assert stored_rate(abroad, held) == quote.exchange == rates(abroad, days_ago=1).rate(EUR, USD)
    assert stored_rate(abroad, fresh) == rates(abroad, 5_000).rate(EUR, USD)


@pytest.mark.spec("S23", "S18")
def test_a_quote_is_taken_in_its_own_currency(abroad: Sandboxed) -> None:
    """Whoever names another currency than his quote's is refused; naming none is fine."""
    actor, demand = abroad.scenery.actor(), abroad.scenery.demand(1, currency=USD)
    quote = abroad.app.give_quote(actor, demand)
    wrong = place_order(actor, uuid4(), None, quote_id=quote.id, currency=EUR)
    assert abroad.app.checkout(wrong).body["code"] == "CURRENCY_MISMATCH"
    for currency in (None, USD):
        right = place_order(actor, uuid4(), None, quote_id=quote.id, currency=currency)
        assert abroad.app.checkout(right).body["currency"] == "USD"


@pytest.mark.spec("S23", "S24")
def test_a_whole_refund_gives_back_what_was_paid(abroad: Sandboxed) -> None:
    """Whatever the rate has become, every cent goes back in the currency that it came in."""
    answer = buy(abroad, USD)
    abroad.clock.advance(24 * 3600)
    abroad.load_rates(rates(abroad, 4_000))
    begun = refund(abroad, answer)
    paid = answer.body["amountCents"]
    # The issuing fee is not refundable: two tickets of 0.59.
    assert (begun.body["amountCents"], begun.body["currency"]) == (paid - 118, "USD")  # type: ignore[operator] # JSON
    settle(abroad)
    report = abroad.app.verify_ledger(abroad.scenery.tenant)
    assert report.ok
    assert report.provider_cents == {"USD": 118}
    assert report.owed_cents == {"USD": 0}


@pytest.mark.spec("S20")
def test_books_of_several_currencies_stay_apart(abroad: Sandboxed) -> None:
    """Sales in four currencies, one refunded: each posting has one, and each currency balances."""
    answers = [buy(abroad, currency, 1) for currency in Currency]
    refund(abroad, answers[1])
    settle(abroad)
    tables = abroad.uow.store.of(abroad.scenery.tenant)
    for posting in tables.postings.values():
        assert len({entry.account.currency for entry in posting.entries}) == 1
    report = abroad.app.verify_ledger(abroad.scenery.tenant)
    assert report.ok
    assert set(report.provider_cents) == {currency.code for currency in Currency}


OVER = 68 * 24 * 3600 + 1
"""Seconds from the first sale until the event, a day after its start, and the hold are over."""


def manager(system: Sandboxed) -> Actor:
    """Who may pay the venue out."""
    venues = frozenset({system.scenery.venue_id})
    return attrs.evolve(system.scenery.actor(), role=Role.VENUE_MANAGER, venues=venues)


def pay_out(system: Sandboxed, cents: int, currency: Currency) -> Answer:
    """The venue wants 150.00 a day at most, of each currency."""
    who = manager(system)
    wish = PayoutWish(venue_id=system.scenery.venue_id, amount=Money(cents, currency))
    ask = attrs.evolve(system.app.venue_money.ask, rules=PayoutRules(daily_max_cents=15_000))
    return ask(
        PayoutOrder(actor=who, key=KeyScope(who.user_id, uuid4()), request_hash="p", wish=wish)
    )


@pytest.mark.spec("S20", "S21", "S23")
def test_a_venue_is_paid_out_of_each_currency_by_itself(abroad: Sandboxed) -> None:
    """Reserve and daily maximum are of one currency; of one that it never sold in there is nothing."""
    for currency in (EUR, USD):
        entry = audit_entry(abroad.clock.now())
        home = abroad.scenery
        abroad.app.venue_money.connect(home.tenant, home.venue_id, currency, "acct_v", entry)
        for _ in range(5):
            assert buy(abroad, currency, 10).outcome is Outcome.COMPLETED
    abroad.clock.advance(OVER)
    for currency in (EUR, USD):
        assert pay_out(abroad, 12_000, currency).body["status"] == "requested"
        assert pay_out(abroad, 12_000, currency).body["code"] == "DAILY_LIMIT"
    before = dict(abroad.uow.store.of(abroad.scenery.tenant).guards.items())
    refused = pay_out(abroad, 12_000, GBP)
    assert refused.body["code"] == "CURRENCY_MISMATCH"
    assert "no GBP" in str(refused.body["detail"])
    assert dict(abroad.uow.store.of(abroad.scenery.tenant).guards.items()) == before
    for _ in range(12):
        settle(abroad)
        abroad.clock.advance(24 * 3600)
    rows: Any = abroad.app.venue_money.show.balance(manager(abroad), abroad.scenery.venue_id)
    # 50 tickets of 50.00 EUR and of 58.82 USD, 120.00 of each paid out, 15 % of it in reserve.
    assert [
        (r["currency"], r["availableCents"], r["reservedCents"], r["inTransitCents"])
        for r in rows["balances"]
    ] == [
        ("EUR", 250_000 - 12_000 - 37_500, 37_500, 0),
        ("USD", 294_100 - 12_000 - 44_115, 44_115, 0),
    ]
    paid = abroad.uow.store.of(abroad.scenery.tenant).payouts.values()
    assert [payout.state for payout in paid] == [PayoutState.PAID, PayoutState.PAID]
    report = abroad.app.verify_ledger(abroad.scenery.tenant)
    assert report.ok, report.differences


@pytest.mark.spec("S20", "S21")
def test_a_debt_in_one_currency_takes_nothing_of_another(abroad: Sandboxed) -> None:
    """What is refunded after it was released is owed in its own currency; others are paid out."""
    held = [buy(abroad, currency, 10) for currency in (EUR, USD)]
    abroad.clock.advance(OVER)
    abroad.app.venue_money.release(abroad.scenery.tenant)
    assert refund(abroad, held[0], override="late").outcome is Outcome.COMPLETED
    abroad.app.venue_money.release(abroad.scenery.tenant)
    rows: Any = abroad.app.venue_money.show.balance(manager(abroad), abroad.scenery.venue_id)
    found = {row["currency"]: row["availableCents"] for row in rows["balances"]}
    assert found == {"EUR": 0, "USD": 58_820}


@pytest.mark.spec("S18", "S23")
def test_a_tier_is_reckoned_in_dollars(abroad: Sandboxed) -> None:
    """By hand: 7 x 1,194.50 EUR are 9,837.06 USD a month, 8 x are 11,242.35 USD: then it is 7.9 %."""
    for count, percent in ((7, "8.2"), (1, "7.9")):
        for _ in range(count):
            assert buy(abroad, EUR, 20).body["amountCents"] == 119_450
        abroad.clock.advance(301)
        assert fee_percent(abroad) == percent


def fee_percent(system: Sandboxed) -> str:
    """The platform's share of a quote."""
    quote = system.app.give_quote(system.scenery.actor(), system.scenery.demand(1))
    assert quote.charges[0].rate is not None
    return quote.charges[0].rate.percent


@pytest.mark.spec("S23")
def test_shown_rates_are_those_that_sell(abroad: Sandboxed) -> None:
    """The rates that are shown are the newest good ones; old ones are not shown as if they sold."""
    actor = abroad.scenery.actor()
    assert abroad.app.show_rates(actor) == rates(abroad)
    abroad.clock.advance(4 * 24 * 3600)
    with pytest.raises(RateUnavailable):
        abroad.app.show_rates(actor)
    assert len(abroad.app.show_rates.listed(5)) == 1
