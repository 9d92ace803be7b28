"""What is done once per idempotency key, in one transaction, and how long a key is kept (S11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound, Rejected
from ticketpay.domain.messaging import KEPT_SECONDS, Answer, ClaimStatus, KeyScope
from ticketpay.domain.processes.answers import refusal

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["KEYS_PURGED", "Keyed", "PurgeKeys", "answered_once"]

KEYS_PURGED: Final = 1_000


class Keyed(Protocol):
    """**Protocol:** a command under a key."""

    @property
    def key(self) -> KeyScope: ...
    @property
    def request_hash(self) -> str: ...


def answered_once(
    tx: Tx, command: Keyed, now: datetime, decide: Callable[[], Callable[[], Answer]]
) -> Answer:
    """The answer of the key; the first time, decide and then do.

    ``decide`` writes nothing: what it refuses is stored and replayed like a success. Raises
    ``RequestInProgress`` and ``IdempotencyKeyReused``; ``InvalidInput`` leaves the key unused.
    """
    claim = tx.idempotency.claim(command.key, command.request_hash, now)()
    claim.refuse_if_not_ours()
    if claim.status is ClaimStatus.FINISHED:
        assert claim.answer is not None, "a finished key has its answer"
        return claim.answer
    try:
        do = decide()
    except (Rejected, Conflict, NotFound) as error:
        answer = refusal(error)
    else:
        answer = do()
    tx.idempotency.finish(claim, answer, now)
    return answer


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PurgeKeys:
    """The worker's step: forget keys, and their answers, that nobody has used for 30 days (S11)."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, tenant: TenantId) -> int:
        """Forget the oldest of a tenant that are due, ``KEYS_PURGED`` at most; how many."""
        before = self.clock.now() - timedelta(seconds=KEPT_SECONDS)
        return self.uow.run(tenant, lambda tx: tx.idempotency.purge(before, KEYS_PURGED)())
