"""Four databases behind one tenant map: places are kept, and one that is away stops nobody else."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import attrs
import psycopg
import pytest

from tests.support.databases import Database, PooledDatabase, Spread, make_shop, spread
from tests.support.sales import Till
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.adapters.postgres.places import check_place, place_of, take_place
from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.adapters.stripe.webhook import StripeWebhooks
from ticketpay.domain.kernel.errors import Conflict, InvalidInput, Unavailable
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging import Outcome, StoredEvent
from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.settings import Settings, load_settings

pytestmark = pytest.mark.server


def settings_of(databases: Spread, **more: str) -> Settings:
    dsns = {
        "DATABASE_URL": [d.app for d in databases.databases],
        "WORKER_DATABASE_URL": [d.worker for d in databases.databases],
        "MIGRATION_DATABASE_URL": [d.owner for d in databases.databases],
    }
    return load_settings(
        {name: " ".join(each) for name, each in dsns.items()}
        | {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": "whsec_x"}
        | {"JWT_SECRET": "s" * 40, "INTERNAL_WEBHOOK_SECRET": "i" * 40}
        | more
    )


@pytest.mark.spec("S04")
def test_every_tenant_has_its_own_database(four_databases: Spread) -> None:
    """Shops of all four places sell and are fulfilled, and no database holds another's rows."""
    shops = [make_shop(place=place) for place in range(4)]
    for shop in shops:
        four_databases.load(shop.catalog)
        with Till.open(four_databases, shop) as till:
            assert till.buy().outcome is Outcome.COMPLETED
            assert till.receive_events()
            assert till.app.process_inbox(1000)
            till.app.relay_outbox(1000)
            assert till.app.verify_ledger(shop.tenant.id).ok
    for place, shop in enumerate(shops):
        held = "SELECT state FROM orders WHERE tenant_id = %s"
        found = [d.rows(held, shop.tenant.id) for d in four_databases.databases]
        assert found == [[("fulfilled",)] if n == place else [] for n in range(4)]


@pytest.mark.spec("S27")
def test_a_webhook_without_metadata_goes_to_its_owner(four_databases: Spread) -> None:
    """An event that names no tenant is kept where its object is known, else in the first."""
    shop = make_shop(place=2)
    four_databases.load(shop.catalog)
    with Till.open(four_databases, shop) as till:
        till.buy()
        verify = till.app.receive_webhook.reader.verify
        deliveries = till.model.due_deliveries()

        class Nameless(StripeWebhooks):
            """A reader of events whose metadata are gone."""

            def verify(self, raw: bytes, signature: str, now: datetime) -> StoredEvent:
                return attrs.evolve(verify(raw, signature, now), tenant_id="", payment_id="")

        receive = attrs.evolve(till.app.receive_webhook, reader=Nameless(("unused",)))
        for delivery in deliveries:
            signature = {k.lower(): v for k, v in delivery.headers.items()}["stripe-signature"]
            receive(delivery.body, signature)
        kept = "SELECT event_type FROM webhook_inbox WHERE status = 'received' AND tenant_id = %s"
        found = [d.rows(kept, str(shop.tenant.id)) for d in four_databases.databases]
        assert [bool(rows) for rows in found] == [False, False, True, False]
        till.app.process_inbox(1000)
        assert four_databases.rows(kept, str(shop.tenant.id)) == []


@pytest.mark.spec("S03")
def test_a_database_that_is_away_stops_nobody_else(postgres: EmbeddedPostgres) -> None:
    """Queues of the others are worked on; its own tenants get a typed error, and it is not ready."""
    four = spread(postgres, 2)
    away = open_pool("postgresql://nobody@127.0.0.1:1/none", size_max=1, name="away")
    away.timeout = 0.2
    uow = PostgresUnitOfWork(TenantMap((four.databases[0].pool(worker=True), away)))
    try:
        assert uow.everywhere(lambda tx: tx.streams.parked()()) == ((),)
        with pytest.raises(Unavailable):
            uow.everywhere(lambda tx: tx.streams.parked()(), without_gaps=True)
        assert not uow.ready()
        with pytest.raises(Unavailable):
            uow.run(TenantId(make_shop(place=1).tenant.id), lambda tx: tx.payments)
        gone = PostgresUnitOfWork(TenantMap((away,)))
        with pytest.raises(Unavailable):
            gone.everywhere(lambda tx: tx.streams.parked()())
    finally:
        uow.close()


@pytest.mark.spec("S03", "S28")
def test_a_database_that_is_ill_stops_nobody_else(postgres: EmbeddedPostgres) -> None:
    """A database that refuses in any way it likes leaves the claims of the others alone."""
    two = spread(postgres, 2)
    with psycopg.connect(two.databases[1].owner) as connection:
        connection.execute("DROP TABLE outbox_streams CASCADE")
    uow = two.unit_of_work(both=True)
    try:
        assert uow.everywhere(lambda tx: tx.streams.parked()()) == ((),)
    finally:
        uow.close()


@pytest.mark.spec("S04")
def test_a_database_keeps_its_place(postgres: EmbeddedPostgres) -> None:
    """A database is refused in another place or among another number, at migration and at start."""
    two = spread(postgres, 2)
    first, second = two.owners
    take_place(first, 0, 2)
    for place, count in ((1, 2), (0, 1), (0, 3)):
        with pytest.raises(Conflict, match="number 1 of 2"):
            take_place(first, place, count)
    check_place(second, 1, 2)
    swapped = Spread((two.databases[1], two.databases[0]))
    with pytest.raises(Conflict, match="database number 1 of 2 in the settings is number 2 of 2"):
        bootstrap.build(settings_of(swapped))
    with psycopg.connect(first) as connection:
        connection.execute("DELETE FROM shards")
    with pytest.raises(Conflict, match="run ticketpay migrate"):
        check_place(first, 0, 2)
    with psycopg.connect(first) as connection:
        connection.execute("DROP TABLE shards")
    with pytest.raises(Conflict, match="run ticketpay migrate"):
        check_place(first, 0, 2)


@pytest.mark.spec("S04")
def test_tenants_are_not_left_behind(postgres: EmbeddedPostgres) -> None:
    """A database whose tenants would belong elsewhere does not become one of several."""
    (alone,) = spread(postgres, 1).databases
    with psycopg.connect(alone.owner) as connection:
        connection.execute("DELETE FROM shards")
    alone.load(make_shop(place=3).catalog)
    with pytest.raises(Conflict, match="belongs into another of 2"):
        take_place(alone.owner, 0, 2)
    assert alone.rows("SELECT place FROM shards") == []
    take_place(alone.owner, 1, 2)


@pytest.mark.spec("S02", "S04")
def test_settings_name_every_database(four_databases: Spread) -> None:
    """Addresses separated by blanks are as many databases, for every role alike."""
    settings = settings_of(four_databases)
    assert settings.database_url.parts == tuple(d.app for d in four_databases.databases)
    app = bootstrap.build(settings)
    try:
        assert app.ready()
    finally:
        app.close()
    shop = make_shop(place=3)
    bootstrap.catalog_writer(settings).load(shop.catalog)
    assert four_databases.databases[3].rows("SELECT id FROM tenants WHERE id = %s", shop.tenant.id)
    assert shop.tenant.id in bootstrap.tenants(settings)
    with pytest.raises(InvalidInput, match="WORKER_DATABASE_URL: names 1 databases"):
        settings_of(four_databases, WORKER_DATABASE_URL=four_databases.databases[0].worker)


@pytest.mark.spec("S03")
def test_the_pooler_changes_the_backend(pooled_database: PooledDatabase) -> None:
    """Behind the pooler of the tests every transaction has another backend, without a memory."""
    uow = pooled_database.unit_of_work()
    pids = []
    try:
        for _ in range(3):
            uow.run(
                TenantId(uuid4()),
                lambda tx: pids.append(
                    tx.session.connection.execute("SELECT pg_backend_pid()").fetchone()
                ),
            )
    finally:
        uow.close()
    assert len(set(pids)) == 3


@pytest.mark.spec("S03")
def test_only_a_transaction_has_time_limits(database: Database) -> None:
    """Statements of a transaction may take 10 s and pauses 60 s; the session is told nothing."""
    uow = PostgresUnitOfWork(TenantMap((open_pool(database.app, size_max=1, name="tests"),)))
    shown = "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')"
    try:
        inside = uow.run(
            TenantId(uuid4()), lambda tx: tx.session.connection.execute(shown).fetchone()
        )
        with uow.tenants.near(None).connection() as connection:
            outside = connection.execute(shown).fetchone()
    finally:
        uow.close()
    assert inside == ("10s", "1min")
    assert outside == ("0", "0")


@pytest.mark.spec("S04")
def test_tenants_are_spread_evenly() -> None:
    """A thousand tenants of fresh ids fill each of four databases with at least a fifth."""
    places = [place_of(TenantId(uuid4()), 4) for _ in range(1000)]
    assert min(places.count(place) for place in range(4)) >= 200


@pytest.mark.spec("S04")
def test_one_address_is_one_database(database: Database) -> None:
    """A single connection string needs no list."""
    shop = make_shop()
    PostgresCatalogWriter(database.owner).load(shop.catalog)
    assert shop.tenant.id in PostgresCatalogWriter((database.owner,)).tenants()
