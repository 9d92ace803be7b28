"""Lists of sales on the real server: what a page costs, and what it shows while others sell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from tests.support.backend import Backend, postgres
from tests.support.databases import Database
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import PaymentId, UserId
from ticketpay.domain.payments import Payment
from ticketpay.domain.payments.sales import NEWEST, Sale

pytestmark = pytest.mark.server

MANY = 3_000
LIMIT = 20
# Each record is made once, in a lateral: in the list of columns it would be made once per column.
COPY = """
WITH made AS (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(many)s) n),
ordered AS (
    INSERT INTO orders SELECT r.* FROM orders o, made m,
        LATERAL jsonb_populate_record(o, jsonb_build_object('id', m.id)) r
    WHERE o.tenant_id = %(tenant)s AND o.id = %(order)s)
INSERT INTO payments SELECT r.* FROM payments p, made m,
    LATERAL jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(),
        'order_id', m.id, 'created_at', p.created_at - n * interval '1 s')) r
WHERE p.tenant_id = %(tenant)s AND p.id = %(payment)s
"""


@pytest.fixture
def backend(database: Database) -> Iterator[Backend]:
    """The use of a fresh database."""
    with postgres(database) as found:
        yield found


@pytest.fixture
def long_list(backend: Backend, database: Database) -> Payment:
    """One of several thousand payments of one buyer at one venue."""
    payment = backend.stored_payment()
    values = {"tenant": backend.tenant, "order": payment.order_id, "payment": payment.id}
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(COPY, {**values, "many": MANY})
        connection.execute("ANALYZE payments, orders, refunds")
    return payment


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def explained(database: Database, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The plan of a page as the API runs it, with what it read."""
    statement = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + load("sales")[name]
    with psycopg.connect(database.app) as connection:
        chosen = "SELECT set_config('app.tenant_id', %s, true)"
        connection.execute(chosen, [str(values["tenant"])])
        row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


@pytest.mark.spec("S17 D5")
def test_every_page_costs_the_same(
    backend: Backend, database: Database, long_list: Payment
) -> None:
    """The first page and the last read an index for one page, sort no more, and touch as much."""
    values = {
        "tenant": backend.tenant,
        "user": long_list.user_id,
        "venue": long_list.venue_id,
        "id": UUID(int=0),
        "limit": LIMIT,
    }
    for name, index in (
        ("of_user", "payments_user_created"),
        ("of_venue", "payments_venue_created"),
    ):
        touched = []
        for seconds in (-1, MANY // 2, MANY - LIMIT - 1):
            at = long_list.created_at - timedelta(seconds=seconds)
            plan = explained(database, name, {**values, "at": at})
            assert plan["Actual Rows"] == LIMIT
            assert index in {node.get("Index Name") for node in nodes(plan)}
            assert max(node["Actual Rows"] for node in nodes(plan)) <= LIMIT
            touched.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        assert max(touched) < 2 * min(touched), touched
        assert max(touched) < 10 * LIMIT, touched


@pytest.mark.spec("S17 D5")
def test_pages_stand_while_other_connections_sell(backend: Backend) -> None:
    """What was sold before the first page is shown exactly once, whatever others insert meanwhile."""
    user, start = UserId(uuid4()), backend.now()
    order = attrs.evolve(backend.stored_order(), user_id=user)

    def sell(seconds: int) -> UUID:
        payment = attrs.evolve(
            backend.home.payment(attrs.evolve(order, id=backend.stored_order().id), start),
            id=PaymentId(uuid4()),
            user_id=user,
            created_at=start + timedelta(seconds=seconds),
        )
        backend.run(lambda tx: tx.payments.add(payment))
        return payment.id

    before = [sell(-n) for n in range(30)]
    done = threading.Event()
    sold: list[UUID] = []

    def keep_selling(first: int) -> None:
        while not done.is_set():
            sold.append(sell(first - len(sold) % 40))

    sellers = [threading.Thread(target=keep_selling, args=(first,)) for first in (20, 0, -10)]
    for seller in sellers:
        seller.start()
    try:
        seen = walk(backend, user)
    finally:
        done.set()
        for seller in sellers:
            seller.join()
    ids = [sale.payment_id for sale in seen]
    assert len(ids) == len(set(ids))
    assert set(before) <= set(ids) <= {*before, *sold}
    assert [sale.key for sale in seen] == sorted(
        (sale.key for sale in seen), reverse=True, key=order_of
    )
    assert sold, "somebody sold meanwhile"


def order_of(key: Any) -> tuple[Any, UUID]:
    return (key.created_at, key.payment_id)


def walk(backend: Backend, user: UserId) -> list[Sale]:
    """All pages, slowly enough that others come in between."""
    found, after = list[Sale](), NEWEST
    while page := backend.run(lambda tx, after=after: tx.sales.of_user(user, after, 3)()):  # type: ignore[misc] # bound in the loop
        found += page
        after = page[-1].key
        threading.Event().wait(0.01)
    return found
