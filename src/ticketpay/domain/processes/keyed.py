"""What is done once per idempotency key, in one transaction (S11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ticketpay.domain.kernel.errors import Conflict, NotFound, Rejected
from ticketpay.domain.messaging import Answer, ClaimStatus, KeyScope
from ticketpay.domain.processes.answers import refusal

if TYPE_CHECKING:
    from ticketpay.ports.transactions import Tx

__all__ = ["Keyed", "answered_once"]


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
