"""A transaction on one pipelined connection: statements queue up, answers are fetched late.

Everything that is executed travels when somebody waits for an answer, or with the commit. The
number of such waits is what ``RoundTrips`` counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, LiteralString, TypeVar

import attrs
from psycopg import Connection, Cursor
from psycopg.rows import namedtuple_row

from ticketpay.domain.kernel.ids import TenantId

__all__ = ["Fetched", "RoundTrips", "Session"]

T = TypeVar("T")
Row = tuple[Any, ...]


@attrs.define
class RoundTrips:
    """How often a transaction waited for the server."""

    count: int = 0


@attrs.define
class Session:
    """The open transaction that all repositories of a ``Tx`` share."""

    connection: Connection[Row]
    tenant_id: TenantId | None
    trips: RoundTrips
    queued: bool = False

    def write(self, statement: LiteralString, values: Mapping[str, object]) -> None:
        """Queue a statement whose answer nobody reads; it fails at the latest at the commit."""
        self.connection.execute(statement, values)
        self.queued = True

    def read(
        self,
        statement: LiteralString,
        values: Mapping[str, object],
        parse: Callable[[Sequence[Row]], T],
    ) -> Fetched[T]:
        """Queue a statement and promise its rows, parsed."""
        return self._queue(self.connection.cursor(), statement, values, parse)

    def read_named(
        self,
        statement: LiteralString,
        values: Mapping[str, object],
        parse: Callable[[Sequence[Any]], T],
    ) -> Fetched[T]:
        """The same with rows that have their columns as attributes."""
        cursor = self.connection.cursor(row_factory=namedtuple_row)
        return self._queue(cursor, statement, values, parse)

    def _queue(
        self,
        cursor: Cursor[Any],
        statement: LiteralString,
        values: Mapping[str, object],
        parse: Callable[[Sequence[Any]], T],
    ) -> Fetched[T]:
        cursor.execute(statement, values)
        self.queued = True
        return Fetched(self, cursor, parse)

    def wait(self) -> None:
        """Note that somebody waits for what is queued."""
        if self.queued:
            self.trips.count += 1
            self.queued = False


class Fetched(Generic[T]):
    """A ``Later``: fetches and parses once."""

    __slots__ = ("_cursor", "_done", "_parse", "_session", "_value")

    def __init__(
        self, session: Session, cursor: Cursor[Any], parse: Callable[[Sequence[Any]], T]
    ) -> None:
        self._session = session
        self._cursor = cursor
        self._parse = parse
        self._done = False
        self._value: T

    def __call__(self) -> T:
        if not self._done:
            self._session.wait()
            self._value = self._parse(self._cursor.fetchall())
            self._done = True
        return self._value
