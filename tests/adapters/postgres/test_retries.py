"""Payments that failed, on the real server: what waits for a lock is judged when it has it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from tests.support.databases import Database, make_shop
from tests.support.sales import Till
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.payments import PaymentMethod
from ticketpay.domain.processes.payment_actions import PaymentCommand

pytestmark = pytest.mark.server


def pay_again(till: Till, declined: Answer) -> Answer:
    """The buyer of a declined order pays it by another card."""
    command = PaymentCommand(
        actor=till.actor,
        key=KeyScope(till.actor.user_id, uuid4()),
        request_hash="again",
        payment_id=PaymentId(UUID(str(declined.body["id"]))),
        method=PaymentMethod(type="card", method_id="pm_card_visa"),
    )
    return attrs.evolve(till.app.confirm_payment, uow=till.uow)(command)


@pytest.mark.spec("S37", "S14")
def test_nobody_pays_twice_over_a_hot_ticket_type(database: Database) -> None:
    """A sale that waits for another type's row is no older than what its buyer opens meanwhile."""
    shop = make_shop(capacity=5, place=0)
    database.load(shop.catalog)
    hot, other = sorted([shop.standing, shop.seated], key=lambda kind: kind.id)
    seats = iter(("A1", "A2", "A3"))
    lock = "SELECT 1 FROM stock WHERE type_id = %s FOR UPDATE"
    with Till.open(database, shop) as till, ThreadPoolExecutor(1) as pool:

        def decline() -> Answer:
            seat = next(seats) if other is shop.seated else None
            answer = till.buy(method="pm_card_chargeDeclined", seat=seat)
            assert answer.outcome is Outcome.DECLINED
            return answer

        first = decline()
        with psycopg.connect(database.owner) as queue:
            queue.execute("SELECT set_config('app.tenant_id', %s, false)", (str(shop.tenant.id),))
            assert queue.execute(lock, (hot.id,)).fetchone()
            paying = pool.submit(pay_again, till, first)
            with pytest.raises(NotYet):
                paying.result(1)
            second = decline()
            queue.rollback()
        assert paying.result(10).outcome is Outcome.COMPLETED
        assert pay_again(till, second).body["code"] == "PAYMENT_SUPERSEDED"
        assert till.charges() == 1
