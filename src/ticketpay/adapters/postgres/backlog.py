"""How far the queues are behind: one bounded statement per database, for the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ticketpay.adapters.postgres.statements import load

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.uow import PostgresTx, PostgresUnitOfWork

__all__ = ["backlog"]

_SQL: Final = load("backlog")
_OLDEST: Final = (
    "outbox_oldest_due_seconds",
    "inbox_oldest_seconds",
    "timers_oldest_due_seconds",
)
_COUNTS: Final = ("outbox_parked_streams", "inbox_dead_events")


def backlog(uow: PostgresUnitOfWork, now: datetime) -> Mapping[str, float]:
    """Seconds (the worst of all databases) and counts (their sum); raises when one is silent."""

    def ask(tx: PostgresTx) -> tuple[Any, ...]:
        return tx.session.read(_SQL["backlog"], {"now": now}, _only)()

    rows = uow.everywhere(ask, without_gaps=True)
    oldest = {name: max(float(row[n]) for row in rows) for n, name in enumerate(_OLDEST)}
    counts = {name: float(sum(row[3 + n] for row in rows)) for n, name in enumerate(_COUNTS)}
    return oldest | counts


def _only(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return rows[0]
