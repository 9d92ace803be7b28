"""What the stores of venue money promise: guard rows, what is due, payouts by compare-and-set."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import attrs
import pytest

from tests.contracts.test_disputes import a_dispute
from tests.support.backend import Backend
from tests.support.scenery import a_payout
from ticketpay.domain.catalog import Cancellation
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, PaymentId, PayoutId, VenueId
from ticketpay.domain.ledger import Posting, VenueBooks, capture_posting
from ticketpay.domain.money import USD, Currency, Money
from ticketpay.domain.payments import PAYMENT_MACHINE, Failure, PaymentEvent
from ticketpay.domain.payouts import (
    PAYOUT_MACHINE,
    Payout,
    PayoutEvent,
    PayoutSpeed,
    VenueAccount,
    VenueHistory,
)
from ticketpay.domain.refunds import DISPUTE_MACHINE, DisputeEvent
from ticketpay.ports.payouts import Due
from ticketpay.ports.transactions import Tx


def stored(backend: Backend, **changes: object) -> Payout:
    fresh = a_payout(backend.home.venue_id, backend.now())
    at = changes.get("created_at", fresh.created_at)
    payout = attrs.evolve(fresh, moved_at=at, **changes)  # type: ignore[arg-type] # typed by whoever asks
    backend.run(lambda tx: tx.payouts.add(payout))
    return payout


def moved(backend: Backend, payout: Payout, event: PayoutEvent) -> Payout:
    """The payout after one stored step."""
    step = PAYOUT_MACHINE.step(payout.state, event)
    after = attrs.evolve(payout, state=step.after)
    return backend.run(lambda tx: tx.payouts.move(after, step, backend.now()))


@pytest.mark.spec("S20")
def test_a_guard_row_is_made_once_and_keeps_what_was_saved(backend: Backend) -> None:
    """Locked it is made, saved it stays; each currency has its own, and other tenants see none."""
    venue = backend.home.venue_id
    fresh = VenueAccount(venue_id=venue, currency=USD)
    assert backend.run(lambda tx: tx.venue_accounts.get(venue, USD)()) == fresh
    assert backend.run(lambda tx: tx.venue_accounts.lock(venue, USD)()) == fresh
    changed = attrs.evolve(fresh, provider_account="acct_1", postings=3)
    backend.run(lambda tx: tx.venue_accounts.save(changed))
    assert backend.run(lambda tx: tx.venue_accounts.lock(venue, USD)()) == changed
    assert backend.run(lambda tx: tx.venue_accounts.get(venue, USD)()) == changed
    euro = Currency("EUR")
    assert backend.run(lambda tx: tx.venue_accounts.get(venue, euro)()).postings == 0
    assert backend.run_as_other(lambda tx: tx.venue_accounts.get(venue, USD)()) == fresh
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.venue_accounts.lock(VenueId(uuid4()), USD)())


@pytest.mark.spec("S20 D4")
def test_pending_money_is_due_when_its_event_is_over(backend: Backend) -> None:
    """What is pending under an event that began before then, for one venue or for all; a debt always."""
    home = backend.home
    posting = capture_posting(
        payment_id=PaymentId(uuid4()),
        venue_id=home.venue_id,
        event_id=home.event_id,
        provider_account="",
        tax_jurisdiction="US-TN",
        total=Money(1_000, USD),
        fees_cents=100,
        taxes_cents=50,
        posted_at=backend.now(),
    )
    backend.run(lambda tx: tx.ledger.post(posting))
    event = backend.run(lambda tx: tx.catalog.offer(home.event_id)())
    assert event is not None
    starts = event.event.starts_at
    after = starts + timedelta(seconds=1)
    due = Due(venue_id=home.venue_id, event_id=home.event_id, currency=USD, cents=850)
    venue, nobody, euro = home.venue_id, VenueId(uuid4()), Currency("EUR")
    for whose, before, currency, found in (
        (venue, after, USD, (due,)),
        (venue, starts, USD, ()),
        (nobody, after, USD, ()),
        (venue, after, euro, ()),
    ):
        asked = (before, whose, currency)
        assert backend.run(lambda tx, asked=asked: tx.venue_accounts.due(*asked, 9)()) == found  # type: ignore[misc] # a default binds the loop variable
        cents = backend.run(lambda tx, asked=asked: tx.venue_accounts.due_cents(*asked)())  # type: ignore[misc] # a default binds the loop variable
        assert cents == sum(one.cents for one in found)
        assert backend.run(lambda tx, whose=whose: tx.venue_accounts.debts(whose)()) == {}  # type: ignore[misc] # a default binds the loop variable
    assert backend.run(lambda tx: tx.venue_accounts.due(after, venue, USD, 0)()) == ()
    assert backend.run_as_other(lambda tx: tx.venue_accounts.due(after, venue, USD, 9)()) == ()
    assert backend.run_as_other(lambda tx: tx.venue_accounts.due_cents(after, venue, USD)()) == 0
    books = VenueBooks(venue_id=home.venue_id, currency=USD)
    too_much = books.released(home.event_id, 2_000, 1, backend.now())
    backend.run(lambda tx: tx.ledger.post(too_much))
    debt = attrs.evolve(due, cents=-1_150)
    assert backend.run(lambda tx: tx.venue_accounts.due(starts, home.venue_id, USD, 9)()) == (debt,)
    assert backend.run(lambda tx: tx.venue_accounts.due_cents(starts, venue, USD)()) == -1_150
    assert backend.run(lambda tx: tx.venue_accounts.debts(venue)()) == {"USD": 1_150}
    assert backend.run_as_other(lambda tx: tx.venue_accounts.debts(venue)()) == {}


@pytest.mark.spec("S20 D4", "S24")
def test_money_of_a_cancelled_event_waits_for_its_refunds(backend: Backend) -> None:
    """It is not due until the cancellation is finished."""
    home = backend.home
    books = VenueBooks(venue_id=home.venue_id, currency=USD)
    backend.run(lambda tx: tx.ledger.post(books.released(home.event_id, -700, 1, backend.now())))
    far = backend.now() + timedelta(days=4_000)
    due = Due(venue_id=home.venue_id, event_id=home.event_id, currency=USD, cents=700)
    assert backend.run(lambda tx: tx.venue_accounts.due(far, home.venue_id, USD, 9)()) == (due,)
    ended = Cancellation(
        event_id=home.event_id, reason="rain", requested_by="kim", started_at=backend.now()
    )
    backend.run(lambda tx: tx.cancellations.start(ended))
    assert backend.run(lambda tx: tx.venue_accounts.due(far, home.venue_id, USD, 9)()) == ()
    done = attrs.evolve(ended, finished_at=backend.now())
    backend.run(lambda tx: tx.cancellations.save(done))
    assert backend.run(lambda tx: tx.venue_accounts.due(far, home.venue_id, USD, 9)()) == (due,)


@pytest.mark.spec("S21")
def test_a_history_counts_what_was_paid(backend: Backend) -> None:
    """Days since the first payment, and the completed payments and chargebacks since then."""
    venue, now = backend.home.venue_id, backend.now()
    none = VenueHistory(age_days=0, paid_count=0, disputed_count=0)
    other = VenueId(uuid4())
    assert backend.run(lambda tx: tx.venue_accounts.history(other, now, now)()) == none
    payment = backend.stored_payment()
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.COMPLETE)
    paid = attrs.evolve(payment, state=step.after, received_cents=payment.amount.cents)
    backend.run(lambda tx: tx.payments.save(paid, step, now))
    before, later = now - timedelta(days=1), now + timedelta(days=100)
    seen = backend.run(lambda tx: tx.venue_accounts.history(venue, before, later)())
    assert (seen.age_days, seen.paid_count, seen.disputed_count) == (100, 1, 0)
    dispute = a_dispute(payment, now)
    backend.run(lambda tx: tx.disputes.add(dispute))
    assert backend.run(lambda tx: tx.venue_accounts.history(venue, before, later)()) == seen
    opened = DISPUTE_MACHINE.step(dispute.state, DisputeEvent.WITHDRAW)
    taken = attrs.evolve(dispute, state=opened.after)
    backend.run(lambda tx: tx.disputes.move(taken, opened, now))
    seen = backend.run(lambda tx: tx.venue_accounts.history(venue, before, later)())
    assert (seen.paid_count, seen.disputed_count) == (1, 1)
    seen = backend.run(lambda tx: tx.venue_accounts.history(venue, later, later)())
    assert seen.paid_count == 0


@pytest.mark.spec("S21")
def test_a_payout_comes_back_as_it_was(backend: Backend) -> None:
    """Stored once, read and locked alike, unknown to others."""
    payout = stored(backend, speed=PayoutSpeed.INSTANT, fee=Money(7, USD), account="acct_9")
    assert backend.run(lambda tx: tx.payouts.get(payout.id)()) == payout
    assert backend.run(lambda tx: tx.payouts.lock(payout.id)()) == payout
    assert backend.run(lambda tx: tx.payouts.lock(PayoutId(uuid4()))()) is None
    assert backend.run_as_other(lambda tx: tx.payouts.get(payout.id)()) is None
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.payouts.add(payout))


@pytest.mark.spec("S21")
def test_a_payout_is_moved_by_compare_and_set(backend: Backend) -> None:
    """A move writes what is known and raises the version; the old version moves nothing any more."""
    payout = stored(backend)
    for event in (PayoutEvent.PROCESS, PayoutEvent.FAIL):
        payout = _moved_once(backend, payout, event)


def _moved_once(backend: Backend, payout: Payout, event: PayoutEvent) -> Payout:
    step, failure = PAYOUT_MACHINE.step(payout.state, event), Failure("closed", message="gone")
    noted = attrs.evolve(payout, provider_payout_id="po_1", sent=True, failure=failure)

    def move(tx: Tx) -> Payout:
        return tx.payouts.move(noted, step, backend.now())

    moved = backend.run(move)
    assert moved == attrs.evolve(noted, state=step.after, version=payout.version + 1)
    assert backend.run(lambda tx: tx.payouts.get(payout.id)()) == moved
    with pytest.raises(Conflict):
        backend.run(move)
    return moved


@pytest.mark.spec("S21")
def test_the_payouts_of_a_venue_are_listed_newest_first(backend: Backend) -> None:
    """Those since a time, so many, of this venue and tenant only."""
    now = backend.now()
    mine = [stored(backend, created_at=now + timedelta(hours=n)) for n in range(3)]
    venue = backend.home.venue_id
    listed = backend.run(lambda tx: tx.payouts.of_venue(venue, now, 9)())
    assert [p.id for p in listed if p in mine] == [p.id for p in reversed(mine)]
    since = now + timedelta(hours=1)
    assert mine[0] not in backend.run(lambda tx: tx.payouts.of_venue(venue, since, 9)())
    assert len(backend.run(lambda tx: tx.payouts.of_venue(venue, now, 2)())) == 2
    assert backend.run(lambda tx: tx.payouts.of_venue(VenueId(EventId(uuid4())), now, 9)()) == ()
    assert backend.run_as_other(lambda tx: tx.payouts.of_venue(venue, now, 9)()) == ()


@pytest.mark.spec("S20 D4", "S21 D6")
def test_whose_money_is_to_be_released(backend: Backend) -> None:
    """Venues with money that is due, and with a reserve that is older than that, page by page."""
    home, now = backend.home, backend.now()
    long_ago, venue = now - timedelta(days=121), home.venue_id
    books, euros = (VenueBooks(venue_id=venue, currency=c) for c in (USD, Currency("EUR")))
    recent = now - timedelta(days=120)

    def waiting(after: tuple[VenueId, Currency] | None = None, limit: int = 9) -> object:
        return backend.run(lambda tx: tx.venue_accounts.waiting(long_ago, recent, after, limit)())

    def since(books: VenueBooks) -> object:
        return backend.run(
            lambda tx: tx.venue_accounts.reserved_since(venue, books.currency, recent)()
        )

    def post(posting: Posting) -> None:
        backend.run(lambda tx: tx.ledger.post(posting))

    def reserved(books: VenueBooks, at: datetime | None) -> None:
        def save(tx: Tx) -> None:
            account = tx.venue_accounts.lock(venue, books.currency)()
            tx.venue_accounts.save(attrs.evolve(account, reserved_at=at))

        backend.run(save)

    post(books.reserved(700, PayoutId(uuid4()), recent))
    post(books.reserved(5, PayoutId(uuid4()), now))
    post(books.reserved(40, PayoutId(uuid4()), long_ago))
    assert (since(books), since(euros)) == ((705, recent), (0, None))
    reserved(books, recent)
    assert waiting() == ()
    reserved(books, long_ago)
    reserved(euros, long_ago)
    both = ((venue, euros.currency), (venue, USD))
    assert waiting() == both
    assert waiting(limit=1) == both[:1]
    assert waiting(both[0]) == both[1:]
    assert waiting(both[1]) == ()
    reserved(books, None)
    post(books.given_back(40, 1, now))
    assert (waiting(), since(books)) == (both[:1], (705, recent))
    post(books.released(home.event_id, 100, 2, now))
    assert waiting() == both, "a debt under an event is due at once"
    stranger = backend.run_as_other
    assert stranger(lambda tx: tx.venue_accounts.waiting(long_ago, recent, None, 9)()) == ()
    none = stranger(lambda tx: tx.venue_accounts.reserved_since(venue, USD, long_ago)())
    assert none == (0, None)


@pytest.mark.spec("S21 D2")
def test_what_left_on_a_day(backend: Backend) -> None:
    """Payouts of the UTC day in one currency, unless they came to nothing; from midnight to midnight."""
    venue = backend.home.venue_id
    noon = backend.now().replace(hour=12, minute=0, second=0, microsecond=0)
    midnight = noon - timedelta(hours=12)
    tiny = timedelta(microseconds=1)
    moments = (midnight - tiny, midnight, noon, midnight + timedelta(days=1) - tiny)
    for number, moment in enumerate((*moments, midnight + timedelta(days=1))):
        stored(backend, created_at=moment, amount=Money(10**number * 10, USD))
    euro = Currency("EUR")
    stored(backend, created_at=noon, amount=Money(7, euro), fee=Money(0, euro))
    for way in ((PayoutEvent.CANCEL,), (PayoutEvent.PROCESS, PayoutEvent.FAIL)):
        undone = stored(backend, created_at=noon)
        for event in way:
            undone = moved(backend, undone, event)

    def left(currency: Currency) -> int:
        return backend.run(lambda tx: tx.payouts.day_cents(venue, currency, noon)())

    assert (left(USD), left(euro)) == (100 + 1_000 + 10_000, 7)
    assert backend.run_as_other(lambda tx: tx.payouts.day_cents(venue, USD, noon)()) == 0
