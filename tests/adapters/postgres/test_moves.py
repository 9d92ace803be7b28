"""Every move is recorded by the statement that makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.contracts.test_disputes import a_dispute
from tests.support.backend import Backend, postgres
from tests.support.databases import Database
from tests.support.scenery import a_payout, a_subscription, ref
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import RefundId
from ticketpay.domain.payouts import PAYOUT_MACHINE, PayoutEvent
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    REFUND_MACHINE,
    DisputeEvent,
    Refund,
    RefundEvent,
)
from ticketpay.domain.subscriptions import SUBSCRIPTION_MACHINE, SubscriptionEvent
from ticketpay.ports.transactions import Tx

pytestmark = [pytest.mark.server, pytest.mark.spec("S30")]

Move = Callable[[Tx], object]


@pytest.fixture
def backend(database: Database) -> Iterator[Backend]:
    """A tenant of its own on one database."""
    with postgres(database) as made:
        yield made


def refund(backend: Backend) -> tuple[UUID, Move]:
    payment = attrs.evolve(backend.stored_payment(), ref=ref())
    assert payment.ref is not None
    new = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=payment.ref,
        amount=payment.amount,
        reason="requested_by_customer",
        state=REFUND_MACHINE.initial,
        created_at=backend.now(),
    )
    backend.run(lambda tx: tx.refunds.add(new))
    step = REFUND_MACHINE.step(new.state, RefundEvent.COMPLETE)
    return new.id, lambda tx: tx.refunds.move(new, step, backend.now())


def dispute(backend: Backend) -> tuple[UUID, Move]:
    new = a_dispute(attrs.evolve(backend.stored_payment(), ref=ref()), backend.now())
    backend.run(lambda tx: tx.disputes.add(new))
    step = DISPUTE_MACHINE.step(new.state, DisputeEvent.WITHDRAW)
    return new.id, lambda tx: tx.disputes.move(new, step, backend.now())


def payout(backend: Backend) -> tuple[UUID, Move]:
    new = a_payout(backend.home.venue_id, backend.now())
    backend.run(lambda tx: tx.payouts.add(new))
    step = PAYOUT_MACHINE.step(new.state, PayoutEvent.PROCESS)
    return new.id, lambda tx: tx.payouts.move(new, step, backend.now())


def subscription(backend: Backend) -> tuple[UUID, Move]:
    new = a_subscription(backend.home.venue_id, backend.now())
    backend.run(lambda tx: tx.subscriptions.add(new))
    step = SUBSCRIPTION_MACHINE.step(new.state, SubscriptionEvent.FAIL)
    moved = attrs.evolve(new, state=step.after)
    return new.id, lambda tx: tx.subscriptions.save(moved, step, backend.now())


def recorded(database: Database, subject: UUID) -> list[Any]:
    found = database.rows("SELECT subject_id, machine, version FROM state_moves")
    return [(machine, version) for of, machine, version in found if of == subject]


@pytest.mark.parametrize("made", [refund, dispute, payout, subscription])
def test_a_move_is_recorded_with_the_version_that_it_made(
    backend: Backend, database: Database, made: Callable[[Backend], tuple[UUID, Move]]
) -> None:
    """One record for the move, and none for whoever makes it again from the old version."""
    subject, move = made(backend)
    assert recorded(database, subject) == []
    backend.run(move)
    with pytest.raises(Conflict):
        backend.run(move)
    assert recorded(database, subject) == [(made.__name__, 2)]
