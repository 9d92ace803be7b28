"""What operators look at, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from ticketpay.adapters.postgres.documents import exchange_from
from ticketpay.adapters.postgres.sales import sales_of
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.ledger import (
    DISPUTE_FACTS,
    REFUND_FACTS,
    Account,
    AccountKind,
    Bucket,
    Entry,
    Posting,
    posting_keys,
)
from ticketpay.domain.money import Currency
from ticketpay.domain.orders import OrderState
from ticketpay.domain.orders.summary import OrderSummary
from ticketpay.domain.payments.history import Happening, Source
from ticketpay.domain.payments.sales import Sale

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresListings"]

_SQL: Final = load("listings")
_SALES: Final = load("sales")


def _order(row: tuple[Any, ...]) -> OrderSummary:
    return OrderSummary(
        id=row[0],
        user_id=row[1],
        event_id=row[2],
        venue_id=row[3],
        state=OrderState(row[4]),
        currency=row[5],
        total_cents=row[6],
        ticket_count=row[7],
        created_at=row[8].astimezone(UTC),
        exchange=exchange_from(row[5], row[9:14]),
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    account = Account(
        kind=AccountKind(row[2]),
        party=row[3],
        subject=row[4],
        currency=Currency(row[5]),
        bucket=Bucket(row[6]),
    )
    return Entry(account, row[7])


def _postings(rows: Sequence[tuple[Any, ...]]) -> tuple[Posting, ...]:
    found = []
    for (key, at), lines in groupby(rows, key=itemgetter(0, 1)):
        entries = tuple(map(_entry, lines))
        found.append(Posting(key=key, entries=entries, posted_at=at.astimezone(UTC)))
    return tuple(found)


def _happening(row: tuple[Any, ...]) -> Happening:
    return Happening(
        at=row[0].astimezone(UTC),
        source=Source(row[1]),
        about=row[2],
        about_id=str(row[3]),
        what=row[4],
        detail=row[5],
        number=row[6],
    )


@attrs.frozen
class PostgresListings:
    """Fulfils ``Listings``."""

    session: Session

    def orders(self, before: UUID, limit: int) -> Later[tuple[OrderSummary, ...]]:
        values = {"tenant": self.session.tenant_id, "before": before, "limit": limit}
        return self.session.read(_SQL["orders"], values, lambda rows: tuple(map(_order, rows)))

    def payments(self, before: UUID, limit: int) -> Later[tuple[Sale, ...]]:
        values = {"tenant": self.session.tenant_id, "before": before, "limit": limit}
        return self.session.read_named(_SALES["of_tenant"], values, sales_of)

    def postings(self, after: str, limit: int) -> Later[tuple[Posting, ...]]:
        values = {"tenant": self.session.tenant_id, "after": after, "limit": limit}
        return self.session.read(_SQL["postings"], values, _postings)

    def history(self, payment_id: PaymentId, order_id: OrderId) -> Later[tuple[Happening, ...]]:
        values = {
            "tenant": self.session.tenant_id,
            "payment": payment_id,
            "order": order_id,
            "keys": list(posting_keys(payment_id)),
            "facts": list(REFUND_FACTS),
            "dispute_facts": list(DISPUTE_FACTS),
        }
        return self.session.read(_SQL["history"], values, lambda rows: tuple(map(_happening, rows)))
