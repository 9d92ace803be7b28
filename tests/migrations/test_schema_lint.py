"""The schema lint, read from the catalogue of a migrated database: whose is every table, and by what.

A table is a tenant's, the platform's, a reference or the migrations' own; a new one must be named here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.architecture.sources import SRC
from tests.support.databases import Database

pytestmark = pytest.mark.server

TENANT: Final = frozenset(
    {
        "venues",
        "events",
        "ticket_types",
        "stock",
        "seats",
        "quotes",
        "orders",
        "order_tickets",
        "stock_holds",
        "payments",
        "payment_attempts",
        "payment_retries",
        "refunds",
        "venue_accounts",
        "payouts",
        "disputes",
        "venue_subscriptions",
        "plan_invoices",
        "state_moves",
        "idempotency_keys",
        "outbox",
        "ledger_accounts",
        "ledger_postings",
        "ledger_entries",
        "ledger_unrolled",
        "ledger_checkpoints",
        "audit_entries",
        "audit_waiting",
        "audit_chain",
        "audit_checkpoints",
        "audit_heads",
        "event_cancellations",
    }
)
OTHERS: Final = {
    "tenants": "platform: the list of tenants itself; names, no sales",
    "provider_refs": "platform: leads from the provider's object id to a tenant not yet known",
    "webhook_inbox": "platform: an event comes before anybody knows whose it is",
    "outbox_streams": "platform: the relay finds due streams of all tenants; ids only",
    "timers": "platform: the janitor finds due timers of all tenants; ids only",
    "machine_moves": "reference: the same rows for everybody",
    "exchange_rates": "reference: the same rates for everybody",
    "shards": "platform: which of how many databases this one is; no tenant's data",
    "schema_migrations": "migrations: the history, readable by the owner alone",
}
FOREIGN_KEYS_WITHOUT_TENANT: Final = {
    "state_moves_machine_from_state_event_to_state_fkey": "leads to the reference table of moves",
}
# Keywords are written in capitals, functions are followed by their arguments.
FORBIDDEN: Final = re.compile(
    r"\b(LISTEN|NOTIFY|CREATE TRIGGER|CREATE CONSTRAINT TRIGGER|CREATE SEQUENCE|AS IDENTITY"
    r"|SECURITY DEFINER|(?i:(?:big|small)?serial(?=[ ,\n])|(?:nextval|setval|pg_notify"
    r"|pg_(?:try_)?advisory_\w+)(?=\()))"
)
ALLOWED: Final = {
    # Two migrators take turns; nothing at run time waits for it.
    ("adapters/postgres/sql/migrate.sql", "pg_advisory_xact_lock"),
}
KEYS = """
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, a.attname
FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1
WHERE i.indisunique
"""
FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text, c.conname, mine.attname, c.confrelid::regclass::text, theirs.attname
FROM pg_constraint c
JOIN pg_attribute mine ON mine.attrelid = c.conrelid AND mine.attnum = c.conkey[1]
JOIN pg_attribute theirs ON theirs.attrelid = c.confrelid AND theirs.attnum = c.confkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
"""
WALLS = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       coalesce(array_agg(p.qual || ' / ' || p.with_check || ' / ' || p.cmd || ' / ' || p.permissive
                          || ' / ' || p.roles::text) FILTER (WHERE p.policyname IS NOT NULL), '{}')
FROM pg_class c
LEFT JOIN pg_policies p ON p.tablename = c.relname AND p.schemaname = 'public'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY 1, 2, 3
"""
THE_TENANT = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"
POLICY = f"{THE_TENANT} / {THE_TENANT} / ALL / PERMISSIVE / {{public}}"


def keys_without_tenant(database: Database) -> list[str]:
    """Unique and foreign keys of tenant tables in which the tenant is not first."""
    wrong = [
        f"{table}.{key}"
        for table, key, first in database.rows(KEYS)
        if table not in OTHERS and first != "tenant_id"
    ]
    wrong += [
        f"{table}.{name}"
        for table, name, mine, there, theirs in database.rows(FOREIGN_KEYS)
        if name not in FOREIGN_KEYS_WITHOUT_TENANT
        and (mine != "tenant_id" or theirs != ("id" if there == "tenants" else "tenant_id"))
    ]
    return sorted(wrong)


def walls(database: Database) -> dict[str, tuple[object, ...]]:
    return {str(name): tuple(rest) for name, *rest in database.rows(WALLS)}


def forbidden_words(folder: Path) -> set[tuple[str, str]]:
    """(file, what) wherever SQL or code names something that must not be relied on."""
    return {
        (path.relative_to(folder).as_posix(), word)
        for path in folder.rglob("*")
        if path.suffix in (".py", ".sql")
        for word in FORBIDDEN.findall(re.sub(r"--.*", "", path.read_text("utf-8")))
    }


@pytest.mark.spec("S04")
def test_every_table_is_in_one_class(database: Database) -> None:
    """Every table is a tenant's, or on the list of the others with its reason; none is both."""
    assert set(walls(database)) == TENANT | OTHERS.keys()
    assert not TENANT & OTHERS.keys()
    assert all(": " in reason for reason in OTHERS.values())


@pytest.mark.spec("S04")
def test_every_tenant_key_starts_with_the_tenant(database: Database) -> None:
    """Primary, unique and foreign keys of tenant tables name the tenant first, on both sides."""
    assert keys_without_tenant(database) == []
    checked = [row for row in database.rows(KEYS) + database.rows(FOREIGN_KEYS) if row[0] in TENANT]
    assert len(checked) > 30
    known = {row[1] for row in database.rows(FOREIGN_KEYS)}
    assert known >= FOREIGN_KEYS_WITHOUT_TENANT.keys()


@pytest.mark.spec("S04", "S04 D2")
def test_every_tenant_table_forces_row_level_security(database: Database) -> None:
    """Tenant tables have it enabled and forced with the one policy; the others have none of it."""
    found = walls(database)
    assert {name: found[name] for name in TENANT} == dict.fromkeys(TENANT, (True, True, [POLICY]))
    assert {name: found[name] for name in OTHERS} == dict.fromkeys(OTHERS, (False, False, []))


@pytest.mark.spec("S04")
def test_nothing_acts_behind_the_statements(database: Database) -> None:
    """No trigger, rule, sequence or SECURITY DEFINER function; a view reads as who asks."""
    assert database.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert database.rows("SELECT relname FROM pg_class WHERE relkind IN ('S', 'm')") == []
    rules = "SELECT rulename FROM pg_rules WHERE schemaname = 'public'"
    assert database.rows(rules) == []
    mine = "pronamespace = 'public'::regnamespace"
    assert database.rows(f"SELECT proname, prosecdef FROM pg_proc WHERE {mine}") == [  # noqa: S608 - fixed text
        ("tp_expect", False)
    ]
    views = database.rows(
        "SELECT relname, reloptions FROM pg_class"
        " WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    invoked = ["security_invoker=true"]
    assert views == [("ledger_balances", invoked), ("venue_balances", invoked)]


@pytest.mark.spec("S04")
def test_the_sources_rely_on_none_of_it() -> None:
    """No SQL and no code uses sequences, LISTEN or advisory locks; only migrators take turns."""
    assert forbidden_words(SRC) == ALLOWED


@pytest.mark.spec("S04")
def test_the_lint_finds_a_bad_table(fresh_database: Database) -> None:
    """A table whose keys forget the tenant, and which has no policy, is found."""
    with psycopg.connect(fresh_database.owner) as connection:
        connection.execute("CREATE TABLE leaky (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)")
        connection.execute("CREATE UNIQUE INDEX leaky_once ON leaky (id, tenant_id)")
        connection.execute(
            "ALTER TABLE leaky ADD venue_id uuid, ADD FOREIGN KEY (id) REFERENCES tenants"
        )
    found = ["leaky.leaky_id_fkey", "leaky.leaky_once", "leaky.leaky_pkey"]
    assert keys_without_tenant(fresh_database) == found
    assert walls(fresh_database)["leaky"] == (False, False, [])


@pytest.mark.spec("S04")
def test_the_lint_finds_a_bad_word(tmp_path: Path) -> None:
    """An advisory lock, a sequence, LISTEN and a trigger in the sources are found."""
    (tmp_path / "a.sql").write_text("LISTEN x; CREATE TRIGGER t; -- nextval(1)\nid bigserial, ")
    (tmp_path / "b.py").write_text("execute('SELECT pg_advisory_lock(1), nextval(2)')  # to listen")
    words = {"LISTEN", "CREATE TRIGGER", "bigserial"}
    assert forbidden_words(tmp_path) == {("a.sql", word) for word in words} | {
        ("b.py", "pg_advisory_lock"),
        ("b.py", "nextval"),
    }
