"""What a store of disputes promises: they come back as they were and move by compare-and-set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import DisputeId
from ticketpay.domain.ledger import DISPUTE_FACTS, DisputeBooks
from ticketpay.domain.money import Money
from ticketpay.domain.payments import Payment
from ticketpay.domain.payments.history import Source
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    Dispute,
    DisputeEvent,
    DisputeState,
    Split,
)

pytestmark = pytest.mark.spec("S27")


def a_dispute(payment: Payment, created_at: datetime, **changes: Any) -> Dispute:
    """A bank asks about three cents of a payment."""
    dispute = Dispute(
        id=DisputeId(uuid4()),
        payment_id=payment.id,
        ref=ref(),
        provider_dispute_id=f"dp_{uuid4().hex}",
        amount=Money(3, payment.amount.currency),
        reason="fraudulent",
        state=DISPUTE_MACHINE.initial,
        created_at=created_at,
    )
    return attrs.evolve(dispute, **changes)


def moved(backend: Backend, dispute: Dispute, event: DisputeEvent, **changes: Any) -> Dispute:
    """The dispute after one stored step."""
    step = DISPUTE_MACHINE.step(dispute.state, event)
    after = attrs.evolve(dispute, state=step.after, **changes)
    return backend.run(lambda tx: tx.disputes.move(after, step, backend.now()))


def test_a_dispute_comes_back_as_it_was(backend: Backend) -> None:
    """A stored dispute equals what was stored, locked and among those of its payment, oldest first."""
    payment, now = backend.stored_payment(), backend.now()
    first, second = a_dispute(payment, now), a_dispute(payment, now + timedelta(seconds=1))
    other = a_dispute(backend.stored_payment(), now)
    for dispute in (second, first, other):
        backend.run(lambda tx, dispute=dispute: tx.disputes.add(dispute))  # type: ignore[misc] # a default binds the loop variable
    assert backend.run(lambda tx: tx.disputes.lock(first.id)()) == first
    assert backend.run(lambda tx: tx.disputes.of_payment(payment.id)()) == (first, second)
    assert backend.run(lambda tx: tx.disputes.lock(DisputeId(uuid4()))()) is None
    assert backend.run_as_other(lambda tx: tx.disputes.of_payment(payment.id)()) == ()
    assert backend.run_as_other(lambda tx: tx.disputes.lock(first.id)()) is None


def test_a_dispute_is_moved_by_compare_and_set(backend: Backend) -> None:
    """Amount, fee, split and tickets are written with the move; an old version or state moves nothing."""
    payment = backend.stored_payment()
    asked = a_dispute(payment, backend.now())
    dispute = attrs.evolve(asked, amount=attrs.evolve(asked.amount, cents=777))
    backend.run(lambda tx: tx.disputes.add(dispute))
    opened = moved(
        backend,
        dispute,
        DisputeEvent.WITHDRAW,
        fee_cents=1_500,
        amount=Money(3, asked.amount.currency),
    )
    assert backend.run(lambda tx: tx.disputes.lock(dispute.id)()) == opened
    assert (opened.state, opened.version) == (DisputeState.OPEN, 2)
    split = Split(venue_cents=1, fees_cents=1, taxes_cents=1)
    lost = moved(backend, opened, DisputeEvent.LOSE, split=split, tickets=(2, 5))
    assert backend.run(lambda tx: tx.disputes.lock(dispute.id)()) == lost
    assert (lost.fee_cents, lost.split, lost.tickets, lost.version) == (1_500, split, (2, 5), 3)
    for stale in (opened, attrs.evolve(opened, version=3)):
        with pytest.raises(Conflict):
            moved(backend, stale, DisputeEvent.WIN)
    again = moved(backend, lost, DisputeEvent.WITHDRAW)
    assert (again.state, again.version) == (DisputeState.LOST, 4)


def test_what_no_bank_has_decided_is_listed(backend: Backend) -> None:
    """Inquiries and open disputes, oldest first, of this tenant and so many; not those that are over."""
    payment, now = backend.stored_payment(), backend.now()
    made = [a_dispute(payment, now + timedelta(seconds=n)) for n in range(4)]
    for dispute in reversed(made):
        backend.run(lambda tx, dispute=dispute: tx.disputes.add(dispute))  # type: ignore[misc] # a default binds the loop variable
    opened = [moved(backend, dispute, DisputeEvent.WITHDRAW) for dispute in made[:2]]
    moved(backend, opened[0], DisputeEvent.WIN)
    moved(backend, made[2], DisputeEvent.CLOSE)
    assert backend.run(lambda tx: tx.disputes.undecided(9)()) == (opened[1], made[3])
    assert backend.run(lambda tx: tx.disputes.undecided(1)()) == (opened[1],)
    assert backend.run_as_other(lambda tx: tx.disputes.undecided(9)()) == ()


def test_the_history_of_a_payment_tells_of_its_disputes(backend: Backend) -> None:
    """Moves and postings of a dispute are found by its payment."""
    payment, now = backend.stored_payment(), backend.now()
    dispute = a_dispute(payment, now)
    books = DisputeBooks(payment_id=payment.id, dispute_id=dispute.id, amount=dispute.amount)
    backend.run(lambda tx: tx.disputes.add(dispute))
    opened = moved(backend, dispute, DisputeEvent.WITHDRAW)
    moved(backend, opened, DisputeEvent.WIN)
    for posting in (books.withdrawn("", now), books.won("", now), books.fee(15, now)):
        backend.run(lambda tx, posting=posting: tx.ledger.post(posting))  # type: ignore[misc] # a default binds the loop variable
    found = backend.run(lambda tx: tx.listings.history(payment.id, payment.order_id)())
    steps = [h.what for h in found if h.source is Source.MOVE and h.about == "dispute"]
    assert sorted(steps) == ["win", "withdraw"]
    keys = {h.what for h in found if h.source is Source.POSTING}
    facts = [fact for fact in DISPUTE_FACTS if fact != "dispute_lost"]
    assert keys == {f"{fact}:{payment.id}:{dispute.id}" for fact in facts}
    booked = backend.run(lambda tx: tx.ledger.booked_by_payment()())
    assert str(payment.id) not in booked
