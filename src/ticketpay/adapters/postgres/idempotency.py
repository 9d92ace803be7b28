"""Idempotency keys in PostgreSQL, the only store of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.documents import dump
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import Answer, Claim, ClaimStatus, KeyScope, Outcome

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresIdempotencyKeys"]

_SQL: Final = load("messaging")


def _claim(scope: KeyScope, wanted: str, rows: Sequence[tuple[Any, ...]]) -> Claim:
    if not rows:
        # The first request committed between our snapshot and our look: it is as good as running.
        return Claim(scope=scope, status=ClaimStatus.IN_FLIGHT)
    ours, epoch, payment_id, stored, outcome, body = rows[0]
    if ours:
        status = ClaimStatus.NEW if epoch == 1 else ClaimStatus.TAKEN_OVER
        return Claim(scope=scope, status=status, epoch=epoch, payment_id=payment_id)
    if stored != wanted:
        return Claim(scope=scope, status=ClaimStatus.REUSED)
    if outcome is None:
        return Claim(scope=scope, status=ClaimStatus.IN_FLIGHT)
    answer = Answer(Outcome(outcome), body, replayed=True)
    return Claim(scope=scope, status=ClaimStatus.FINISHED, payment_id=payment_id, answer=answer)


@attrs.frozen
class PostgresIdempotencyKeys:
    """Fulfils ``IdempotencyKeys``; ``takeover_seconds`` is how long a claim holds."""

    session: Session
    takeover_seconds: int

    def claim(self, scope: KeyScope, request_hash: str, now: datetime) -> Later[Claim]:
        values = self._key(scope) | {
            "hash": request_hash,
            "now": now,
            "until": now + timedelta(seconds=self.takeover_seconds),
        }
        return self.session.read(
            _SQL["claim_key"], values, lambda rows: _claim(scope, request_hash, rows)
        )

    def lock(self, claim: Claim) -> Later[bool]:
        values = self._key(claim.scope) | {"epoch": claim.epoch}
        return self.session.read(_SQL["lock_key"], values, lambda rows: rows == [(True,)])

    def advance(self, claim: Claim, payment_id: PaymentId) -> Claim:
        self._write("advance_key", claim, payment=payment_id)
        return attrs.evolve(claim, payment_id=payment_id)

    def finish(self, claim: Claim, answer: Answer, now: datetime) -> None:
        body = dump(dict(answer.body))
        self._write("finish_key", claim, outcome=answer.outcome.value, body=body, now=now)

    def release(self, claim: Claim, now: datetime) -> None:
        self._write("release_key", claim, now=now)

    def purge(self, before: datetime, limit: int) -> Later[int]:
        values = {"tenant": self.session.tenant_id, "before": before, "limit": limit}
        return self.session.read(_SQL["purge_keys"], values, lambda rows: int(rows[0][0]))

    def _key(self, scope: KeyScope) -> dict[str, object]:
        return {"tenant": self.session.tenant_id, "user": scope.user_id, "key": scope.key}

    def _write(self, name: str, claim: Claim, **values: object) -> None:
        self.session.write(_SQL[name], self._key(claim.scope) | {"epoch": claim.epoch} | values)
