"""What a lost connection at the commit means on every adapter: unknown, all or nothing, repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import attrs
import pytest

from tests.support.backend import memory
from tests.support.databases import Database
from tests.support.lossy import LossyNetwork
from tests.support.scenery import START, Scenery, message
from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.domain.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from ticketpay.domain.ledger import Posting, suspense_posting
from ticketpay.domain.messaging import StreamClaim
from ticketpay.domain.payments import Payment
from ticketpay.ports.transactions import Tx, UnitOfWork


@attrs.frozen
class Line:
    """A unit of work whose next commit can be lost, ``before`` or ``after`` it takes effect."""

    uow: UnitOfWork
    home: Scenery
    lose: Callable[[str], None]

    def see(self, payment: Payment, posting: Posting) -> set[str]:
        """What of a sale is there, asked until the line works again."""

        def look(tx: Tx) -> set[str]:
            claims = tx.streams.claim_due(START, 0, 1000)()
            found = {
                "order": tx.orders.get(payment.order_id)() is not None,
                "payment": tx.payments.get(payment.id)() is not None,
                "posting": bool(tx.ledger.balances()()),
                "message": payment.order_id in [_about(claim) for claim in claims],
            }
            return {name for name, there in found.items() if there}

        for _ in range(20):
            try:
                return self.uow.run(self.home.tenant, look)
            except (OutcomeUnknown, Unavailable):
                continue
        raise AssertionError(f"the line stays dead: {posting.key}")


def _about(claim: StreamClaim) -> object:
    return claim.key.aggregate_id


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.server)])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    """Memory, and the real server behind a network that loses commits."""
    with ExitStack() as stack:
        if request.param == "memory":
            yield _in_memory(stack)
        else:
            yield _on_the_wire(stack, request.getfixturevalue("database"))


def _in_memory(stack: ExitStack) -> Line:
    lost = [""]

    def hear(step: str) -> None:
        if step == {"before": "tx.before_commit", "after": "tx.after_commit"}.get(lost[0]):
            raise OutcomeUnknown("the connection was lost at the commit")

    backend = stack.enter_context(memory(hear))
    return Line(backend.uow, backend.home, lambda when: lost.__setitem__(0, when))


def _on_the_wire(stack: ExitStack, database: Database) -> Line:
    address = urlsplit(database.both)
    assert address.hostname is not None
    assert address.port is not None
    network = stack.enter_context(LossyNetwork.to(address.hostname, address.port))
    home = Scenery()
    database.load(home.catalog)
    dsn = database.both.replace(f":{address.port}/", f":{network.port}/", 1)
    uow = PostgresUnitOfWork(TenantMap((open_pool(dsn, size_max=1, name="tests"),)))
    stack.callback(uow.close)
    return Line(uow, home, lambda when: setattr(network, "lose", when))


@pytest.mark.spec("S03", "S36")
@pytest.mark.parametrize(
    ("when", "left"), [("before", set()), ("after", {"order", "payment", "posting", "message"})]
)
def test_a_lost_commit_is_unknown_and_all_or_nothing(line: Line, when: str, left: set[str]) -> None:
    """The caller learns that nobody knows; then all of it is there or nothing, and a repetition
    under the same business keys writes what is missing and never a second time.
    """
    home = line.home
    order = home.order(START)
    payment = home.payment(order, START)
    posting = suspense_posting(
        payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=START
    )

    def sell(tx: Tx) -> None:
        tx.orders.add(order)
        tx.payments.add(payment)
        tx.ledger.post(posting)
        tx.outbox.emit([message("order.paid", order.id, START)])

    line.lose(when)
    with pytest.raises(OutcomeUnknown):
        line.uow.run(home.tenant, sell)
    line.lose("")
    assert line.see(payment, posting) == left
    if left:
        with pytest.raises(Conflict):
            line.uow.run(home.tenant, sell)
    else:
        line.uow.run(home.tenant, sell)
    assert line.see(payment, posting) == {"order", "payment", "posting", "message"}


@pytest.mark.spec("S36")
def test_a_lost_commit_is_not_repeated_by_itself(line: Line) -> None:
    """A unit of work repeats what lost against others, but never what may have been committed."""
    runs = 0

    def add(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        tx.orders.add(line.home.order(START))

    line.lose("after")
    with pytest.raises(OutcomeUnknown):
        line.uow.run(line.home.tenant, add)
    line.lose("")
    assert runs == 1
