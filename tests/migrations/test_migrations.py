"""The schema: one linear history, equal to schema.sql, append-only, with two roles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.resources import files

import psycopg
import pytest

from tests.support.databases import Database
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.postgres.migrate import (
    APP_ROLE,
    apply_migrations,
    check_role,
    set_password,
)
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.orders import ORDER_MACHINE
from ticketpay.domain.payments import PAYMENT_MACHINE
from ticketpay.domain.payouts import PAYOUT_MACHINE
from ticketpay.domain.refunds import DISPUTE_MACHINE, REFUND_MACHINE
from ticketpay.domain.subscriptions import SUBSCRIPTION_MACHINE

pytestmark = pytest.mark.server

SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'
UNION ALL
SELECT conrelid::regclass::text, conname, contype::text, '', pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  AND conrelid::regclass::text <> 'schema_migrations'
UNION ALL
SELECT tablename, indexname, '', '', indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
UNION ALL
SELECT tablename, policyname, cmd, coalesce(qual, ''), coalesce(with_check, '') FROM pg_policies
UNION ALL
SELECT table_name, grantee, privilege_type, '', '' FROM information_schema.role_table_grants
WHERE grantee LIKE 'ticketpay%' AND table_name <> 'schema_migrations'
ORDER BY 1, 2, 3, 4, 5
"""


@pytest.mark.spec("S04")
def test_schema_file_equals_the_migrations(postgres: EmbeddedPostgres, database: Database) -> None:
    """Applying schema.sql gives the same tables, constraints, policies and grants as migrating."""
    schema = files("ticketpay.adapters.postgres").joinpath("schema.sql").read_text()
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE from_schema")
    with psycopg.connect(postgres.dsn("from_schema"), autocommit=True) as connection:
        connection.execute(schema.encode())
        expected = connection.execute(SHAPE.encode()).fetchall()
    assert expected == database.rows(SHAPE)
    assert len(expected) > 300


@pytest.mark.spec("S04")
def test_migrating_again_changes_nothing(database: Database) -> None:
    """A second run applies no migration."""
    assert apply_migrations(database.owner) == []


@pytest.mark.spec("S04")
def test_servers_that_start_together_do_not_disturb_each_other(database: Database) -> None:
    """Several at once may migrate and set the passwords of the roles: all of them succeed."""

    def start(_: int) -> list[str]:
        applied = apply_migrations(database.owner)
        set_password(database.owner, APP_ROLE, "app")
        return applied

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(16))) == [[]] * 16


@pytest.mark.spec("S04")
def test_a_changed_migration_is_refused(fresh_database: Database) -> None:
    """History is append-only: an applied file that differs stops the run."""
    with psycopg.connect(fresh_database.owner, autocommit=True) as connection:
        connection.execute("UPDATE schema_migrations SET sha256 = 'x' WHERE name LIKE '0002%'")
    with pytest.raises(Conflict, match="0002"):
        apply_migrations(fresh_database.owner)


@pytest.mark.spec("S30", "S31")
def test_reference_rows_equal_the_machines(database: Database) -> None:
    """The database knows exactly the moves that the code knows."""
    expected = {
        (machine.name, str(step.before), str(step.event), str(step.after))
        for machine in (
            ORDER_MACHINE,
            PAYMENT_MACHINE,
            REFUND_MACHINE,
            PAYOUT_MACHINE,
            SUBSCRIPTION_MACHINE,
            DISPUTE_MACHINE,
        )
        for step in machine.steps()
    }
    assert (
        set(database.rows("SELECT machine, from_state, event, to_state FROM machine_moves"))
        == expected
    )


@pytest.mark.spec("S04")
def test_start_up_refuses_an_owner(database: Database) -> None:
    """A role that owns the tables or is superuser is refused, the two roles are accepted."""
    with pytest.raises(Conflict, match="row-level security"):
        check_role(database.owner)
    check_role(database.app)
    check_role(database.worker)


@pytest.mark.spec("S20")
@pytest.mark.parametrize(
    "table",
    [
        "ledger_postings",
        "ledger_entries",
        "state_moves",
        "outbox",
        "audit_entries",
        "audit_chain",
        "audit_checkpoints",
    ],
)
def test_history_is_append_only_by_grant(database: Database, table: str) -> None:
    """Neither role may change or delete what has been booked or recorded."""
    for dsn in (database.app, database.worker):
        for verb in (f"DELETE FROM {table}", f"UPDATE {table} SET tenant_id = tenant_id"):  # noqa: S608 - fixed names
            with (
                psycopg.connect(dsn) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(verb.encode())


@pytest.mark.spec("S23")
def test_rates_are_written_by_the_owner_alone(database: Database) -> None:
    """Neither role may add, change or delete a rate; the constants of development are refused."""
    add = b"INSERT INTO exchange_rates VALUES ('1999-01-01', 'x', 'EUR', 1, now())"
    change = (add, b"UPDATE exchange_rates SET units = 1", b"DELETE FROM exchange_rates")
    for dsn in (database.app, database.worker):
        for statement in change:
            with (
                psycopg.connect(dsn) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement)
    with (
        psycopg.connect(database.owner) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(
            "INSERT INTO exchange_rates VALUES (%s, 'development', 'EUR', 1, now())",
            [date(1999, 1, 1)],
        )


# What was booked before a posting had a currency: two tenants, a posting each.
BOOKED = """
INSERT INTO ledger_accounts VALUES (t, gen_random_uuid(), 'provider', 'platform', '', c, 'available'),
    (t, gen_random_uuid(), 'suspense', 'platform', '', c, 'available');
INSERT INTO ledger_postings VALUES (t, 'capture:1', now());
INSERT INTO ledger_entries SELECT t, 'capture:1', row_number() OVER (), a.id,
    CASE a.kind WHEN 'provider' THEN 7 ELSE -7 END FROM ledger_accounts a WHERE a.tenant_id = t;
"""
EARLIER = f"""
DO $$
DECLARE
    t uuid;
    c text;
BEGIN
    FOREACH c IN ARRAY ARRAY['USD', 'EUR'] LOOP
        t := gen_random_uuid();
        PERFORM set_config('app.tenant_id', t::text, true);
        {BOOKED}
    END LOOP;
END
$$
"""


@pytest.mark.spec("S04", "S23")
def test_what_was_booked_before_gets_its_currency(postgres: EmbeddedPostgres) -> None:
    """The migration finds the rows of every tenant behind row-level security, and forces it again."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE plain_owner NOSUPERUSER NOBYPASSRLS")
        connection.execute("CREATE DATABASE booked_before OWNER plain_owner")
    folder = files("ticketpay.adapters.postgres").joinpath("migrations")
    texts = {f.name: f.read_text() for f in folder.iterdir() if f.name.endswith(".sql")}
    with psycopg.connect(postgres.dsn("booked_before"), autocommit=True) as connection:
        connection.execute("SET ROLE plain_owner")
        for name in sorted(texts):
            if name.startswith("0016"):
                connection.execute(EARLIER.encode())
            with connection.transaction():
                connection.execute(texts[name].encode())
        connection.execute("RESET ROLE")
        rows = connection.execute(
            "SELECT p.currency, array_agg(e.currency), sum(e.cents) FROM ledger_postings p"
            " JOIN ledger_entries e ON e.tenant_id = p.tenant_id AND e.posting_key = p.key"
            " GROUP BY p.tenant_id, p.currency ORDER BY 1"
        ).fetchall()
        forced = connection.execute(
            "SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname LIKE 'ledger%'"
            " AND relkind = 'r'"
        ).fetchone()
    assert rows == [("EUR", ["EUR", "EUR"], 0), ("USD", ["USD", "USD"], 0)]
    assert forced == (True,)
