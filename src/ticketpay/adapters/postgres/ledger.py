"""The ledger in PostgreSQL: postings are appended, balances are checkpoint + tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Account, AccountKind, Balance, Booked, Bucket, Posting
from ticketpay.domain.money import Currency

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresLedger"]

_SQL: Final = load("ledger")


def _balances(rows: Sequence[tuple[Any, ...]]) -> tuple[Balance, ...]:
    return tuple(
        Balance(
            account=Account(
                kind=AccountKind(kind),
                party=party,
                subject=subject,
                currency=Currency(currency),
                bucket=Bucket(bucket),
            ),
            cents=int(cents),
        )
        for kind, party, subject, currency, bucket, cents in rows
    )


def _by_bucket(rows: Sequence[tuple[Any, ...]]) -> Mapping[str, Mapping[str, int]]:
    view: dict[str, dict[str, int]] = {}
    for currency, bucket, cents in rows:
        view.setdefault(currency, {})[bucket] = int(cents)
    return view


@attrs.frozen
class PostgresLedger:
    """Fulfils ``LedgerBook``."""

    session: Session

    def post(self, posting: Posting) -> None:
        accounts = [entry.account for entry in posting.entries]
        self.session.write(
            _SQL["post"],
            {
                "tenant": self.session.tenant_id,
                "key": posting.key,
                "posted_at": posting.posted_at,
                "currency": posting.currency.code,
                "ids": [account.id for account in accounts],
                "kinds": [account.kind.value for account in accounts],
                "parties": [account.party for account in accounts],
                "subjects": [account.subject for account in accounts],
                "currencies": [account.currency.code for account in accounts],
                "buckets": [account.bucket.value for account in accounts],
                "cents": [entry.cents for entry in posting.entries],
            },
        )

    def balances(self) -> Later[tuple[Balance, ...]]:
        return self.session.read(_SQL["balances"], {"tenant": self.session.tenant_id}, _balances)

    def booked_by_payment(self) -> Later[Mapping[str, Booked]]:
        return self.session.read(
            _SQL["booked_by_payment"],
            {"tenant": self.session.tenant_id},
            lambda rows: {payment: Booked(held, clearing) for payment, held, clearing in rows},
        )

    def venue_balances(self, venue_id: VenueId) -> Later[Mapping[str, Mapping[str, int]]]:
        values = {"tenant": self.session.tenant_id, "venue": str(venue_id)}
        return self.session.read(_SQL["venue_balances"], values, _by_bucket)

    def roll_up(self, limit: int) -> Later[int]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read(_SQL["roll_up"], values, lambda rows: int(rows[0][0]))
