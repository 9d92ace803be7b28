"""Leak probes: a statement of the adapter is run for one tenant after its predicate was cut off.

``strip`` cuts the comparisons of tenants out of a statement. A ``Probe`` runs the rest as tenant A
with the values of a tenant B, compares what comes back with what A may see, compares B's rows
before and after, and rolls all of it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import psycopg

from ticketpay.adapters.postgres.session import Fetched, Session
from ticketpay.adapters.postgres.statements import load

__all__ = ["CONTEXTS", "Probe", "Recorded", "Recording", "named_statements", "strip"]

CONTEXTS: Final = (
    "audit",
    "cancellations",
    "catalog",
    "disputes",
    "inventory",
    "ledger",
    "listings",
    "messaging",
    "orders",
    "payments",
    "payouts",
    "quotes",
    "refunds",
    "retries",
    "sales",
    "subscriptions",
)
# Comparisons with ``excluded`` guard a row of the platform's directory, not a tenant's rows.
_PREDICATE: Final = re.compile(
    r"(?:\b\w+\.)?\btenant_id = (?:%\(tenant\)s|(?!excluded\b)\w+\.tenant_id\b)"
)
_CHANGES: Final = re.compile(r"\b(INSERT INTO|DELETE FROM|SET)\b")
_TENANT: Final = "SELECT set_config('app.tenant_id', %s, true)"


def strip(statement: str) -> str:
    """``statement`` without any comparison of a tenant."""
    return _PREDICATE.sub("true", statement)


def named_statements(tables: Sequence[str]) -> dict[str, str]:
    """Every named statement of the ``.sql`` files that names one of ``tables``: name -> text."""
    word = re.compile(rf"\b({'|'.join(tables)})\b")
    found = {
        f"{context}.{name}": text for context in CONTEXTS for name, text in load(context).items()
    }
    return {name: text for name, text in found.items() if word.search(re.sub(r"--.*", "", text))}


@attrs.frozen
class Recorded:
    """A statement with the values that a repository gave it."""

    statement: str
    values: Mapping[str, Any]


@attrs.define
class Recording(Session):
    """A session that notes what it is asked to do, and does it."""

    noted: list[Recorded] = attrs.field(factory=list, kw_only=True)

    def write(self, statement: Any, values: Mapping[str, object]) -> None:
        self.noted.append(Recorded(statement, values))
        super(Recording, self).write(statement, values)  # noqa: UP008 - slots make a new class

    def read(self, statement: Any, values: Mapping[str, object], parse: Any) -> Fetched[Any]:
        self.noted.append(Recorded(statement, values))
        return super(Recording, self).read(statement, values, parse)  # noqa: UP008 - the same

    def read_named(self, statement: Any, values: Mapping[str, object], parse: Any) -> Fetched[Any]:
        self.noted.append(Recorded(statement, values))
        return super(Recording, self).read_named(statement, values, parse)  # noqa: UP008 - the same


@attrs.frozen
class Probe:
    """Runs statements as ``mine`` over ``connection`` and looks for rows of ``theirs``."""

    connection: psycopg.Connection[Any]
    mine: UUID
    theirs: UUID
    snapshot: str

    @classmethod
    @contextmanager
    def open(
        cls, dsn: str, mine: UUID, theirs: UUID, tables: Sequence[str], *, past_keys: bool = False
    ) -> Iterator[Probe]:
        """``past_keys``: foreign keys do not stop what row-level security lets pass (superuser)."""
        each = " UNION ALL ".join(
            f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {t} t"  # noqa: S608 - names from the catalogue
            " WHERE tenant_id = %(theirs)s"
            for t in tables
        )
        with psycopg.connect(dsn, autocommit=True) as connection:
            if past_keys:
                connection.execute("SET session_replication_role = replica")
            yield cls(connection, mine, theirs, each)

    def refused(self, recorded: Recorded) -> bool:
        """Whether the role has no right to the statement at all."""
        return self._run(recorded, self.mine) == psycopg.errors.InsufficientPrivilege.sqlstate

    def stripped_leaks(self, recorded: Recorded) -> bool:
        """Whether the statement without its predicate shows or changes anything of theirs."""
        allowed = self._run(recorded, self.mine)
        cut = Recorded(strip(recorded.statement), recorded.values)
        return self._leaks(cut, self.mine, allowed)

    def foreign_leaks(self, recorded: Recorded) -> bool:
        """Whether the whole statement does more with their tenant's id than with nobody's."""
        return self._leaks(recorded, self.theirs, self._run(recorded, uuid4()))

    def _leaks(self, recorded: Recorded, tenant: UUID, allowed: object) -> bool:
        with self.connection.transaction(force_rollback=True):
            if not _CHANGES.search(recorded.statement):
                return self._run(recorded, tenant) != allowed
            before = self._their_rows()
            shown = self._run(recorded, tenant, keep=True)
            return shown != allowed or self._their_rows() != before

    def _run(self, recorded: Recorded, tenant: UUID, *, keep: bool = False) -> object:
        """The rows, or the SQLSTATE; ``keep`` leaves what was changed to the outer transaction."""
        values = dict(recorded.values) | {"tenant": tenant}
        try:
            with self.connection.transaction(force_rollback=not keep):
                self.connection.execute(_TENANT, [str(self.mine)])
                cursor = self.connection.execute(recorded.statement.encode(), values)
                return sorted(map(repr, cursor)) if cursor.description else []
        except psycopg.Error as error:
            return error.sqlstate

    def _their_rows(self) -> list[Any]:
        self.connection.execute(_TENANT, [str(self.theirs)])
        return self.connection.execute(self.snapshot.encode(), {"theirs": self.theirs}).fetchall()
