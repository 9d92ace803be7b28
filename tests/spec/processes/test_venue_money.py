"""Venue money: released after the event, guarded, paid out, failing early and late (S20-S22)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.kernel.ids import EventId, PaymentId, PayoutId, VenueId
from ticketpay.domain.ledger import VenueBooks
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, request_hash
from ticketpay.domain.money import USD, Currency, Money
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payouts import Payout, PayoutAmountInvalid, PayoutSpeed, PayoutState
from ticketpay.domain.processes import releasing
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.domain.processes.refund_commands import RefundRequest

pytestmark = pytest.mark.spec("S20", "S21")

DAY = 86_400
OVER = 60 * DAY + 24 * 3600 + 7 * DAY + 1
"""Seconds from the first sale until the event, a day after its start, and the hold are over."""


@pytest.fixture
def system() -> Sandboxed:
    """A system with much to sell, whose venue has an account at the provider."""
    made = Sandboxed(seed=1, capacity=1_000)
    connect(made, "acct_venue")
    return made


def connect(system: Sandboxed, account: str) -> None:
    scenery = system.scenery
    entry = audit_entry(system.clock.now())
    system.app.venue_money.connect(scenery.tenant, scenery.venue_id, USD, account, entry)


def manager(system: Sandboxed) -> Actor:
    venues = frozenset({system.scenery.venue_id})
    return attrs.evolve(system.scenery.actor(), role=Role.VENUE_MANAGER, venues=venues)


def sell(system: Sandboxed, count: int = 10) -> PaymentId:
    """A sale of ``count`` tickets of 50.00 each."""
    demand = system.scenery.demand(count)
    answer = system.app.checkout(place_order(system.scenery.actor(), uuid4(), demand))
    return PaymentId(UUID(str(answer.body["id"])))


def refund(system: Sandboxed, payment: PaymentId) -> None:
    admin = attrs.evolve(system.scenery.actor(), role=Role.ADMIN)
    request = RefundRequest(
        actor=admin,
        key=KeyScope(admin.user_id, uuid4()),
        request_hash="r",
        payment_id=payment,
        override="late",
    )
    assert system.app.refunding.ask(request).outcome is Outcome.COMPLETED


def release(system: Sandboxed) -> int:
    return system.app.venue_money.release(system.scenery.tenant)


def balance(system: Sandboxed) -> dict[str, int]:
    """The venue's balances in dollars, in cents."""
    view: Any = system.app.venue_money.show.balance(manager(system), system.scenery.venue_id)
    (row,) = view["balances"]
    return {k.removesuffix("Cents"): v for k, v in row.items() if k.endswith("Cents")}


def ask(
    system: Sandboxed,
    cents: int,
    *,
    actor: Actor | None = None,
    currency: Currency = USD,
    speed: PayoutSpeed = PayoutSpeed.STANDARD,
    key: UUID | None = None,
) -> Answer:
    who = actor or manager(system)
    return system.app.venue_money.ask(
        PayoutOrder(
            actor=who,
            key=KeyScope(who.user_id, key or uuid4()),
            request_hash=request_hash("payout", {"cents": cents, "speed": str(speed)}),
            wish=PayoutWish(
                venue_id=system.scenery.venue_id, amount=Money(cents, currency), speed=speed
            ),
        )
    )


def payouts(system: Sandboxed) -> list[Payout]:
    return sorted(
        system.uow.store.of(system.scenery.tenant).payouts.values(), key=lambda p: p.created_at
    )


def rich(system: Sandboxed, orders: int = 10) -> None:
    """An event is over: 500.00 an order are available."""
    for _ in range(orders):
        sell(system)
    system.clock.advance(OVER)
    release(system)


def work(system: Sandboxed, *seconds: float) -> None:
    for pause in (0.0, *seconds):
        system.clock.advance(pause)
        for _ in range(4):
            system.work()


def verify(system: Sandboxed) -> None:
    report = system.app.verify_ledger(system.scenery.tenant)
    assert report.ok, report.differences


@pytest.mark.spec("S20 D4")
def test_money_is_pending_until_the_event_and_its_hold_are_over(system: Sandboxed) -> None:
    """A day after the start and seven more, what is pending is available; a second look changes nothing."""
    sell(system)
    assert balance(system) == {
        "available": 0,
        "pending": 50_000,
        "reserved": 0,
        "inTransit": 0,
        "payable": 0,
    }
    system.clock.advance(OVER - 2)
    assert release(system) == 0
    system.clock.advance(2)
    assert release(system) == 1
    assert (balance(system)["available"], balance(system)["pending"]) == (50_000, 0)
    assert release(system) == 0


def test_a_refund_after_the_release_is_the_venues_debt(system: Sandboxed) -> None:
    """What is refunded later is taken at the next release; a negative balance pays nothing out."""
    payment = sell(system)
    system.clock.advance(OVER)
    release(system)
    refund(system, payment)
    assert ask(system, 40_000).body["code"] == "INSUFFICIENT_FUNDS"
    assert balance(system)["available"] == 0
    work(system)
    verify(system)


@pytest.mark.spec("S20 D4")
def test_a_debt_counts_before_it_is_taken(system: Sandboxed) -> None:
    """From the refund on the balance says what can be paid out; the release changes nothing in it.

    Other events' pending money does not hide a debt.
    """
    first, _ = sell(system), sell(system)
    system.clock.advance(OVER)
    release(system)
    now = system.clock.now()
    other = VenueBooks(venue_id=system.scenery.venue_id, currency=USD)
    coming = other.released(EventId(UUID(int=77)), -90_000, 1_000, now)
    system.uow.run(system.scenery.tenant, lambda tx: tx.ledger.post(coming))
    refund(system, first)
    seen = balance(system)
    assert (seen["available"], seen["pending"]) == (-40_000, 90_000)
    assert seen["payable"] == 0
    release(system)
    assert balance(system) == seen


@pytest.mark.spec("S20 D3", "S20 D4")
@pytest.mark.parametrize("refunded", [1, 2, 4])
def test_a_debt_is_shown_as_the_reserve_makes_it_good(system: Sandboxed, refunded: int) -> None:
    """What is shown, what a dry run says and what the release makes of it are the same."""
    payments = [sell(system) for _ in range(4)]
    system.clock.advance(OVER)
    release(system)
    assert ask(system, 150_000).outcome is Outcome.COMPLETED
    work(system, *[DAY] * 4)
    assert balance(system)["reserved"] == 30_000
    for payment in payments[:refunded]:
        refund(system, payment)
    seen = balance(system)
    assert (seen["available"], seen["reserved"]) == (
        (0, 0) if refunded == 1 else (50_000 - refunded * 50_000, 0)
    )
    release(system)
    assert balance(system) == seen


@pytest.mark.spec("S21 D6")
def test_a_payout_from_request_to_bank(system: Sandboxed) -> None:
    """The reserve is moved, the amount travels, the bank has it two banking days later; books agree."""
    rich(system)
    key = uuid4()
    who = manager(system)
    answer = ask(system, 100_000, key=key, actor=who)
    assert (answer.outcome, answer.body["status"]) == (Outcome.COMPLETED, "requested")
    assert ask(system, 100_000, key=key, actor=who) == attrs.evolve(answer, replayed=True)
    held = balance(system)
    assert (held["reserved"], held["inTransit"]) == (75_000, 100_000)
    assert held["available"] == 500_000 - 100_000 - 75_000
    verify(system)
    work(system)
    (payout,) = payouts(system)
    assert (payout.state, payout.sent) == (PayoutState.PROCESSING, True)
    verify(system)
    work(system, *[DAY] * 13)
    (payout,) = payouts(system)
    assert payout.state is PayoutState.PAID
    assert balance(system)["inTransit"] == 0
    verify(system)
    assert len(system.uow.store.platform.timers) == 0


@pytest.mark.spec("S22")
def test_an_instant_payout_costs_a_share(system: Sandboxed) -> None:
    """1 % of the amount stays behind; the rest is there within the hour."""
    rich(system)
    answer = ask(system, 100_000, speed=PayoutSpeed.INSTANT)
    assert (answer.body["feeCents"], answer.body["netCents"]) == (1_000, 99_000)
    assert answer.body["arrival"] == "Within 30 minutes"
    work(system, 3_600)
    assert payouts(system)[0].state is PayoutState.PAID
    verify(system)


@pytest.mark.spec("S21 D1")
def test_two_payouts_never_exceed_what_is_payable(system: Sandboxed) -> None:
    """The second of two that are payable alone is refused, and leaves no trace in the books."""
    rich(system)
    payable = balance(system)["payable"]
    assert payable == 425_000
    assert ask(system, 300_000).outcome is Outcome.COMPLETED
    before = system.app.trial_balance(system.scenery.tenant)
    assert ask(system, 300_000).body["code"] == "INSUFFICIENT_FUNDS"
    assert system.app.trial_balance(system.scenery.tenant) == before


@pytest.mark.spec("S21 D2", "S21 D5")
def test_what_cannot_be_paid_out(system: Sandboxed) -> None:
    """Zero, less, another currency, too much, more than a day's limit, no account: typed, and nothing moves."""
    rich(system, 30)
    before = system.app.trial_balance(system.scenery.tenant)
    for cents in (0, -5):
        with pytest.raises(PayoutAmountInvalid):
            ask(system, cents)
    foreign = ask(system, 50_000, currency=Currency("EUR")).body
    assert (foreign["code"], foreign["errors"]) == (
        "CURRENCY_MISMATCH",
        [{"field": "currency", "message": "must be one of USD"}],
    )
    payable = balance(system)["payable"]
    much = ask(system, 9_999_999).body
    most = [{"field": "amountCents", "message": f"must be at most {payable}"}]
    assert (much["code"], much["errors"]) == ("INSUFFICIENT_FUNDS", most)
    limit_day(system, 20_000)
    late = ask(system, 20_001).body
    left = [{"field": "amountCents", "message": "must be at most 20000"}]
    assert (late["code"], late["errors"]) == ("DAILY_LIMIT", left)
    connect(system, "")
    assert ask(system, 20_000).body["code"] == "VENUE_NOT_CONNECTED"
    assert system.app.trial_balance(system.scenery.tenant) == before


def limit_day(system: Sandboxed, cents: int) -> None:
    """No more than so much leaves in a day."""
    venue_money = system.app.venue_money
    rules = attrs.evolve(venue_money.ask.rules, daily_max_cents=cents)
    strict = attrs.evolve(venue_money.ask, rules=rules)
    system.app = attrs.evolve(system.app, venue_money=attrs.evolve(venue_money, ask=strict))


@pytest.mark.spec("S21 D2")
def test_earlier_payouts_are_part_of_the_day(system: Sandboxed) -> None:
    """What was asked for an hour ago counts against today's limit, and tomorrow no longer."""
    rich(system)
    limit_day(system, 20_000)
    assert ask(system, 15_000).outcome is Outcome.COMPLETED
    system.clock.advance(3_600)
    assert ask(system, 5_001).body["code"] == "DAILY_LIMIT"
    assert ask(system, 5_000).outcome is Outcome.COMPLETED
    assert ask(system, 1).body["code"] == "DAILY_LIMIT"
    system.clock.advance(DAY)
    assert ask(system, 15_000).outcome is Outcome.COMPLETED


def test_whose_venue_it_is(system: Sandboxed) -> None:
    """Its manager and admins pay out; others are told that there is no such venue."""
    rich(system)
    other = attrs.evolve(manager(system), venues=frozenset({VenueId(uuid4())}))
    support = attrs.evolve(system.scenery.actor(), role=Role.SUPPORT)
    for actor in (other, support, system.scenery.actor()):
        assert ask(system, 20_000, actor=actor).body["code"] == "NOT_FOUND"
    show, venue = system.app.venue_money.show, system.scenery.venue_id
    assert show.balance(support, venue)["venueId"] == str(venue)
    for actor, where in ((other, venue), (support, VenueId(uuid4()))):
        with pytest.raises(NotFound):
            show.balance(actor, where)
        with pytest.raises(NotFound):
            show.payouts(actor, where)


@pytest.mark.spec("S21")
def test_a_cancelled_payout(system: Sandboxed) -> None:
    """Before it is sent a payout is cancelled, twice without harm; afterwards it is too late."""
    rich(system)
    before = balance(system)["available"]
    first = PayoutId(UUID(str(ask(system, 100_000).body["id"])))
    cancel, tenant = system.app.venue_money.cancel, system.scenery.tenant
    for _ in range(2):
        cancelled = cancel(tenant, first, audit_entry(system.clock.now()))
        assert cancelled.state is PayoutState.CANCELLED
    held = balance(system)
    assert held["available"] + held["reserved"] == before
    second = PayoutId(UUID(str(ask(system, 100_000).body["id"])))
    work(system)
    with pytest.raises(Conflict):
        cancel(tenant, second, audit_entry(system.clock.now()))
    with pytest.raises(NotFound):
        cancel(tenant, PayoutId(uuid4()), audit_entry(system.clock.now()))
    verify(system)


@pytest.mark.spec("S21")
def test_a_payout_is_asked_about_at_once(system: Sandboxed) -> None:
    """An operator need not wait for the next look; one that came to nothing is left alone."""
    rich(system)
    ask(system, 100_000)
    work(system)
    at_provider(system, "pay")
    payout, tenant, entry = (
        payouts(system)[0],
        system.scenery.tenant,
        audit_entry(system.clock.now()),
    )
    work(system)
    assert payouts(system)[0].state is PayoutState.PROCESSING
    sync = system.app.venue_money.sync
    assert sync(tenant, payout.id, entry).state is PayoutState.PROCESSING
    work(system)
    assert payouts(system)[0].state is PayoutState.PAID
    at_provider(system, "fail")
    sync(tenant, payout.id, audit_entry(system.clock.now()))
    work(system)
    assert payouts(system)[0].state is PayoutState.FAILED
    sync(tenant, payout.id, audit_entry(system.clock.now()))
    assert len(system.uow.store.platform.timers) == 0
    with pytest.raises(NotFound):
        sync(tenant, PayoutId(uuid4()), audit_entry(system.clock.now()))


def at_provider(system: Sandboxed, verb: str) -> None:
    """The bank takes the payout, or sends it back."""
    ident = payouts(system)[0].provider_payout_id
    path = f"/_sandbox/payouts/{ident}/{verb}"
    assert system.model.request("POST", path, {}, b"{}").status == 200


@pytest.mark.spec("S21")
def test_a_payout_that_is_paid_late_is_looked_at_for_as_long(system: Sandboxed) -> None:
    """Ten days begin when it is heard of as paid: what its bank returns then is the venue's again."""
    rich(system)
    ask(system, 100_000)
    work(system)
    system.clock.advance(11 * DAY)
    while system.app.janitor():
        pass
    assert payouts(system)[0].state is PayoutState.PAID
    at_provider(system, "fail")
    for _ in range(2):
        system.clock.advance(DAY)
        system.app.janitor()
    assert payouts(system)[0].state is PayoutState.FAILED
    assert balance(system)["available"] == 500_000 - 75_000
    verify(system)


@pytest.mark.spec("S21", "S27")
def test_an_event_about_a_payout_is_a_reason_to_ask(system: Sandboxed) -> None:
    """What the bank does is known as soon as it is told, also a month after the last look."""
    rich(system)
    ask(system, 100_000)
    work(system)
    at_provider(system, "pay")
    system.receive_all()
    work(system)
    assert payouts(system)[0].state is PayoutState.PAID
    work(system, *[10 * DAY] * 3)
    assert len(system.uow.store.platform.timers) == 0
    at_provider(system, "fail")
    system.receive_all()
    work(system)
    assert payouts(system)[0].state is PayoutState.FAILED
    verify(system)


@pytest.mark.spec("S21", "S27")
def test_an_event_about_a_payout_from_elsewhere_is_kept_as_dead(system: Sandboxed) -> None:
    """Whoever writes our ids into a payout of another account moves nothing; a venue's own is nothing."""
    rich(system)
    ask(system, 100_000)
    work(system)
    (payout,) = payouts(system)
    about = f"metadata[tenant_id]={system.scenery.tenant}&metadata[payout_id]={payout.id}"
    for account, metadata in (("acct_other", about), ("acct_venue", "metadata[a]=b")):
        held = system.model._world.account(account).ledger._available
        held["usd"] = held.get("usd", 0) + 1_000
        headers = {
            "authorization": "Bearer sk_test_x",
            "content-type": "application/x-www-form-urlencoded",
            "stripe-account": account,
        }
        body = f"amount=100&currency=usd&{metadata}".encode()
        made = system.model.request("POST", "/v1/payouts", headers, body)
        path = f"/_sandbox/payouts/{json.loads(made.body)['id']}/pay"
        assert system.model.request("POST", path, {}, b"{}").status == 200
    system.receive_all()
    for _ in range(8):
        work(system, 61)
    kinds = system.alerts.kinds()
    assert kinds.count("webhook_dead") == 1
    assert payouts(system)[0].state is PayoutState.PROCESSING
    verify(system)


@pytest.mark.spec("S21", "S20 D3")
@pytest.mark.parametrize("paid", [False, True])
def test_a_payout_that_comes_back(system: Sandboxed, paid: bool) -> None:  # noqa: FBT001 - drawn
    """Failed on its way or returned after it was paid: all of it is the venue's again, told and booked."""
    rich(system)
    before = balance(system)
    ask(system, 100_000)
    work(system)
    if paid:
        at_provider(system, "pay")
        work(system, 700)
        assert payouts(system)[0].state is PayoutState.PAID
    at_provider(system, "fail")
    work(system, 700, DAY)
    (payout,) = payouts(system)
    assert payout.state is PayoutState.FAILED
    assert payout.failure is not None
    held = balance(system)
    assert held["available"] + held["reserved"] == before["available"]
    assert "payout_failed" in system.alerts.kinds()
    verify(system)
    assert ask(system, 100_000).outcome is Outcome.COMPLETED


@pytest.mark.spec("S21", "S22")
def test_what_the_provider_keeps_is_the_venues_loss(system: Sandboxed) -> None:
    """An instant payout that fails comes back without the price of its speed, and the books agree."""
    rich(system)
    before = balance(system)
    rules = attrs.evolve(system.app.venue_money.ask.rules, instant_fee_min_cents=50)
    system.app = attrs.evolve(
        system.app,
        venue_money=attrs.evolve(
            system.app.venue_money, ask=attrs.evolve(system.app.venue_money.ask, rules=rules)
        ),
    )
    assert ask(system, 1_000, speed=PayoutSpeed.INSTANT).body["netCents"] == 950
    work(system)
    at_provider(system, "fail")
    work(system, 700)
    assert payouts(system)[0].state is PayoutState.FAILED
    held = balance(system)
    assert held["available"] + held["reserved"] == before["available"] - 50
    verify(system)


@pytest.mark.spec("S21", "S22")
def test_nothing_that_was_kept_is_forgotten(system: Sandboxed) -> None:
    """Also when the bank has failed a payout before anybody heard that it was sent."""
    rich(system)
    before = balance(system)["available"]
    body = b'{"operation": "POST v1/payouts", "fault": "timeout_after", "times": 1}'
    assert system.model.request("POST", "/_sandbox/faults", {}, body).status == 200
    ask(system, 100_000, speed=PayoutSpeed.INSTANT)
    work(system)
    assert not payouts(system)[0].sent
    (theirs,) = system.model._world.account("acct_venue").of("payout")._items
    failed = system.model.request("POST", f"/_sandbox/payouts/{theirs}/fail", {}, b"{}")
    assert failed.status == 200
    spent = system.model._world.account("acct_venue").ledger
    spent._available["usd"] -= 10  # what the provider's own rounding left there
    work(system, 3_600)
    assert payouts(system)[0].state is PayoutState.FAILED
    held = balance(system)
    assert held["available"] + held["reserved"] == before - 1_000
    verify(system)


@pytest.mark.spec("S20 D4")
@pytest.mark.parametrize("page", [1, 200])
def test_one_venues_trouble_is_told_and_keeps_nobody(
    system: Sandboxed, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be released is an alert, and the others are released, on its page or behind it."""
    monkeypatch.setattr(releasing, "RELEASED_AT_ONCE", page)
    sell(system)
    scenery = system.scenery
    books = VenueBooks(venue_id=scenery.venue_id, currency=Currency("EUR"))
    for number in (-900, 1):  # the second takes the key of the first release
        euros = books.released(scenery.event_id, -900, number, system.clock.now())
        system.uow.run(scenery.tenant, lambda tx, euros=euros: tx.ledger.post(euros))  # type: ignore[misc] # defaults bind the loop variable
    system.clock.advance(OVER)
    assert release(system) == 1
    assert "release_fails" in system.alerts.kinds()


@pytest.mark.spec("S20 D5")
def test_each_currency_is_released_by_itself(system: Sandboxed) -> None:
    """A venue that sells in two currencies holds up nobody."""
    sell(system)
    scenery = system.scenery
    books = VenueBooks(venue_id=scenery.venue_id, currency=Currency("EUR"))
    euros = books.released(scenery.event_id, -900, 99, system.clock.now())
    system.uow.run(scenery.tenant, lambda tx: tx.ledger.post(euros))
    system.clock.advance(OVER)
    assert release(system) == 2


@pytest.mark.spec("S21", "S36")
@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "error_500_after"])
@pytest.mark.parametrize("operation", ["POST v1/transfers", "POST v1/payouts"])
def test_a_lost_answer_pays_out_once(system: Sandboxed, operation: str, fault: str) -> None:
    """Whatever answer is lost, the money leaves once and the books say so."""
    rich(system)
    body = f'{{"operation": "{operation}", "fault": "{fault}", "times": 1}}'.encode()
    assert system.model.request("POST", "/_sandbox/faults", {}, body).status == 200
    ask(system, 100_000)
    work(system, 700, 3_600, *[DAY] * 4)
    (payout,) = payouts(system)
    assert payout.state is PayoutState.PAID
    totals = [t.cents for t in system.app.verify_ledger.payouts.totals(system.scenery.tenant)]  # type: ignore[union-attr] # the system has one
    assert totals == [-100_000]
    verify(system)


def test_the_provider_that_will_not_pay(system: Sandboxed) -> None:
    """An account that may not be paid out to: the transfer is reversed and the venue has its money."""
    body = b'{"currentlyDue": ["individual.id_number"]}'
    made = system.model.request(
        "POST",
        "/v1/accounts",
        {"authorization": "Bearer sk_test_x", "content-type": "application/x-www-form-urlencoded"},
        b"type=custom&country=US",
    )
    account = json.loads(made.body)["id"]
    assert (
        system.model.request("POST", f"/_sandbox/accounts/{account}/require", {}, body).status
        == 200
    )
    connect(system, account)
    rich(system)
    before = balance(system)["available"]
    ask(system, 100_000)
    work(system)
    (payout,) = payouts(system)
    assert payout.state is PayoutState.FAILED
    held = balance(system)
    assert held["available"] + held["reserved"] == before
    verify(system)


@pytest.mark.spec("S20 D3")
def test_a_debt_takes_the_reserve_first(system: Sandboxed) -> None:
    """Refunds beyond what is available take what is reserved, then leave a negative balance."""
    payments = [sell(system) for _ in range(4)]
    system.clock.advance(OVER)
    release(system)
    ask(system, 150_000)
    work(system, *[DAY] * 4)
    assert balance(system)["reserved"] == 30_000
    for payment in payments:
        refund(system, payment)
    release(system)
    held = balance(system)
    assert (held["reserved"], held["available"], held["payable"]) == (0, -150_000, 0)
    assert ask(system, 10_000).body["code"] == "BALANCE_NEGATIVE"
    work(system)
    verify(system)


@pytest.mark.spec("S21 D6")
def test_a_reserve_is_given_back_in_time(system: Sandboxed) -> None:
    """Each payout's part of the reserve is available again after 120 days, once, and no day earlier."""
    rich(system)
    assert ask(system, 100_000).outcome is Outcome.COMPLETED
    first = balance(system)["reserved"]
    assert first > 0
    work(system, 60 * DAY)
    assert ask(system, 200_000).outcome is Outcome.COMPLETED
    assert balance(system)["reserved"] == first, "the reserve was full"
    system.clock.advance(60 * DAY - 1)
    assert (release(system), balance(system)["reserved"]) == (0, first)
    before = balance(system)["available"]
    system.clock.advance(2)
    assert (release(system), balance(system)["reserved"]) == (1, 0)
    assert balance(system)["available"] == before + first
    assert (release(system), balance(system)["reserved"]) == (0, 0)
    verify(system)


@pytest.mark.spec("S21 D6")
def test_a_debt_has_taken_the_oldest_of_the_reserve(system: Sandboxed) -> None:
    """What a debt took is not given back to anybody, and what was put there lately stays."""
    rich(system)
    books = VenueBooks(venue_id=system.scenery.venue_id, currency=USD)
    assert ask(system, 100_000).outcome is Outcome.COMPLETED
    reserved = balance(system)["reserved"]
    work(system, 100 * DAY)
    later = books.reserved(5_000, PayoutId(uuid4()), system.clock.now())
    system.uow.run(system.scenery.tenant, lambda tx: tx.ledger.post(later))
    debt = books.recovered(3_000, 99, system.clock.now())
    system.uow.run(system.scenery.tenant, lambda tx: tx.ledger.post(debt))
    assert balance(system)["reserved"] == reserved + 2_000
    work(system, 30 * DAY)
    release(system)
    assert balance(system)["reserved"] == 5_000
    work(system, 120 * DAY)
    release(system)
    assert balance(system)["reserved"] == 0
