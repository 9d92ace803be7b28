"""Venue money in PostgreSQL: the guard rows and the payouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import PayoutId, VenueId
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.ledger import Bucket, VenueBooks
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import Failure
from ticketpay.domain.payouts import (
    Payout,
    PayoutEvent,
    PayoutSpeed,
    PayoutState,
    VenueAccount,
    VenueHistory,
)
from ticketpay.ports.payouts import Due

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresPayouts", "PostgresVenueAccounts"]

_SQL: Final = load("payouts")


@attrs.frozen
class PostgresVenueAccounts:
    """Fulfils ``VenueAccounts``."""

    session: Session

    def get(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        fresh = VenueAccount(venue_id=venue_id, currency=currency)
        values = self._of(venue_id, currency)
        return self.session.read_named(
            _SQL["account"], values, lambda rows: _account(rows[0]) if rows else fresh
        )

    def lock(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        values = self._of(venue_id, currency)
        self.session.write(_SQL["ensure_account"], values)
        return self.session.read_named(_SQL["lock_account"], values, lambda rows: _account(rows[0]))

    def save(self, account: VenueAccount) -> None:
        values = self._of(account.venue_id, account.currency)
        changes = {
            "account": account.provider_account,
            "postings": account.postings,
            "reserved_at": account.reserved_at,
        }
        self.session.write(_SQL["save_account"], values | changes)

    def _of(self, venue_id: VenueId, currency: Currency) -> dict[str, object]:
        tenant = self.session.tenant_id
        return {"tenant": tenant, "venue": venue_id, "currency": currency.code}

    def due(
        self, over_before: datetime, venue_id: VenueId, currency: Currency, limit: int
    ) -> Later[tuple[Due, ...]]:
        values = self._due(over_before, venue_id, currency) | {"limit": limit}
        return self.session.read(_SQL["due"], values, lambda rows: tuple(map(_due, rows)))

    def due_cents(self, over_before: datetime, venue_id: VenueId, currency: Currency) -> Later[int]:
        values = self._due(over_before, venue_id, currency)
        return self.session.read(_SQL["due_cents"], values, lambda rows: int(rows[0][0]))

    def _due(
        self, over_before: datetime, venue_id: VenueId, currency: Currency
    ) -> dict[str, object]:
        return {
            "tenant": self.session.tenant_id,
            "over_before": over_before,
            "venue": str(venue_id),
            "currency": currency.code,
        }

    def debts(self, venue_id: VenueId) -> Later[Mapping[str, int]]:
        values = {"tenant": self.session.tenant_id, "venue": str(venue_id)}
        return self.session.read(_SQL["debts"], values, lambda rows: {r[0]: r[1] for r in rows})

    def waiting(
        self,
        over_before: datetime,
        reserved_before: datetime,
        after: tuple[VenueId, Currency] | None,
        limit: int,
    ) -> Later[tuple[tuple[VenueId, Currency], ...]]:
        venue, currency = (str(after[0]), after[1].code) if after else ("", "")
        values = {
            "tenant": self.session.tenant_id,
            "over_before": over_before,
            "reserved_before": reserved_before,
            "venue": venue,
            "currency": currency,
            "limit": limit,
        }

        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[VenueId, Currency], ...]:
            return tuple((VenueId(UUID(party)), Currency(code)) for party, code in rows)

        return self.session.read(_SQL["waiting"], values, parse)

    def reserved_since(
        self, venue_id: VenueId, currency: Currency, since: datetime
    ) -> Later[tuple[int, datetime | None]]:
        account = VenueBooks(venue_id=venue_id, currency=currency).account(Bucket.RESERVED)
        values = {"tenant": self.session.tenant_id, "account": account.id, "since": since}

        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[int, datetime | None]:
            cents, first = rows[0]
            return int(cents), None if first is None else first.astimezone(UTC)

        return self.session.read(_SQL["reserved_since"], values, parse)

    def history(self, venue_id: VenueId, since: datetime, now: datetime) -> Later[VenueHistory]:
        values = {"tenant": self.session.tenant_id, "venue": venue_id, "since": since}

        def parse(rows: Sequence[tuple[Any, ...]]) -> VenueHistory:
            first, paid, disputed = rows[0]
            age = (now - first).days if first else 0
            return VenueHistory(age_days=max(0, age), paid_count=paid, disputed_count=disputed)

        return self.session.read(_SQL["history"], values, parse)


def _account(row: Any) -> VenueAccount:
    return VenueAccount(
        venue_id=row.venue_id,
        currency=Currency(row.currency),
        provider_account=row.provider_account,
        postings=row.postings,
        reserved_at=None if row.reserved_at is None else row.reserved_at.astimezone(UTC),
    )


def _due(row: tuple[Any, ...]) -> Due:
    return Due(venue_id=row[0], event_id=row[1], currency=Currency(row[2]), cents=int(row[3]))


def _payout(row: Any) -> Payout:
    currency = Currency(row.currency)
    return Payout(
        id=row.id,
        venue_id=row.venue_id,
        amount=Money(row.amount_cents, currency),
        fee=Money(row.fee_cents, currency),
        speed=PayoutSpeed(row.speed),
        state=PayoutState(row.state),
        requested_by=row.requested_by,
        account=row.provider_account,
        provider_payout_id=row.provider_payout_id,
        sent=row.sent,
        failure=None
        if row.failure_code is None
        else Failure(row.failure_code, message=row.failure_message),
        created_at=row.created_at.astimezone(UTC),
        moved_at=row.updated_at.astimezone(UTC),
        version=row.version,
    )


def _one(rows: Sequence[Any]) -> Payout | None:
    return _payout(rows[0]) if rows else None


@attrs.frozen
class PostgresPayouts:
    """Fulfils ``Payouts``."""

    session: Session

    def add(self, payout: Payout) -> None:
        self.session.write(
            _SQL["add_payout"],
            {
                "tenant": self.session.tenant_id,
                "id": payout.id,
                "venue": payout.venue_id,
                "amount": payout.amount.cents,
                "fee": payout.fee.cents,
                "currency": payout.amount.currency.code,
                "speed": payout.speed.value,
                "state": payout.state.value,
                "requested_by": payout.requested_by,
                "account": payout.account,
                "created_at": payout.created_at,
                "version": payout.version,
            },
        )

    def get(self, payout_id: PayoutId) -> Later[Payout | None]:
        values = {"tenant": self.session.tenant_id, "id": payout_id}
        return self.session.read_named(_SQL["payout"], values, _one)

    def lock(self, payout_id: PayoutId) -> Later[Payout | None]:
        values = {"tenant": self.session.tenant_id, "id": payout_id}
        return self.session.read_named(_SQL["lock_payout"], values, _one)

    def move(self, payout: Payout, step: Step[PayoutState, PayoutEvent], at: datetime) -> Payout:
        failure = payout.failure
        self.session.write(
            _SQL["move_payout"],
            {
                "tenant": self.session.tenant_id,
                "id": payout.id,
                "version": payout.version,
                "before": step.before.value,
                "event": step.event.value,
                "state": step.after.value,
                "provider_payout_id": payout.provider_payout_id,
                "sent": payout.sent,
                "failure_code": failure.code if failure else None,
                "failure_message": failure.message if failure else None,
                "at": at,
            },
        )
        return attrs.evolve(payout, state=step.after, version=payout.version + 1, moved_at=at)

    def day_cents(self, venue_id: VenueId, currency: Currency, now: datetime) -> Later[int]:
        values = {
            "tenant": self.session.tenant_id,
            "venue": venue_id,
            "currency": currency.code,
            "day": datetime.combine(day_in(now, "UTC"), time.min, UTC),
        }
        return self.session.read(_SQL["day_cents"], values, lambda rows: int(rows[0][0]))

    def of_venue(self, venue_id: VenueId, since: datetime, limit: int) -> Later[tuple[Payout, ...]]:
        values = {
            "tenant": self.session.tenant_id,
            "venue": venue_id,
            "since": since,
            "limit": limit,
        }
        return self.session.read_named(
            _SQL["payouts_of_venue"], values, lambda rows: tuple(map(_payout, rows))
        )
