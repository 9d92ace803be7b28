"""Idempotency keys: the first answer is the answer (S11, S36, amendment 0.0).

A key is claimed in the transaction of the first effect. The claim holds for 90 seconds; whoever
repeats the request after that takes over at the recovery point. Answers of the domain, refusals
included, are stored and replayed; a failure of ours leaves the recovery point.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import Conflict, Rejected
from ticketpay.domain.kernel.ids import PaymentId, UserId

__all__ = [
    "KEPT_SECONDS",
    "TAKEOVER_SECONDS",
    "Answer",
    "Claim",
    "ClaimStatus",
    "IdempotencyKeyReused",
    "KeyScope",
    "Outcome",
    "RequestInProgress",
    "request_hash",
]

TAKEOVER_SECONDS: Final = 90
KEPT_SECONDS: Final = 30 * 24 * 3600
"""Longer than a bank debit, a retry or a second person takes: a repeat must not buy it once more."""


class IdempotencyKeyReused(Rejected):
    """The key was used before with another request (S11 D2)."""

    code = "IDEMPOTENCY_KEY_REUSED"
    title = "Idempotency key reused with different request"


class RequestInProgress(Conflict):
    """The first request with this key is still running (S11)."""

    code = "DUPLICATE_IN_PROGRESS"
    title = "Request already processing"


class Outcome(StrEnum):
    """How a request ended, in the domain's words; HTTP maps them to a status."""

    COMPLETED = "completed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REFUSED = "refused"


@attrs.frozen
class Answer:
    """What is answered, stored and replayed. ``body`` is JSON without secrets.

    ``replayed`` is true when the answer comes from the store; ``client_secret`` is never stored
    and is fetched again for a replay.
    """

    outcome: Outcome
    body: Mapping[str, object]
    replayed: bool = False
    client_secret: str = attrs.field(default="", repr=False)


@attrs.frozen
class KeyScope:
    """Whose key: the user (the tenant comes from the unit of work) and the key's UUID."""

    user_id: UserId
    key: UUID


class ClaimStatus(StrEnum):
    """What a claim found."""

    NEW = "new"
    TAKEN_OVER = "taken_over"
    FINISHED = "finished"
    IN_FLIGHT = "in_flight"
    REUSED = "reused"


@attrs.frozen(kw_only=True)
class Claim:
    """The result of claiming a key.

    ``epoch`` fences the owner; ``payment_id`` is the recovery point: set once a payment exists, or the
    subscription with the wish that the request makes.
    """

    scope: KeyScope
    status: ClaimStatus
    epoch: int = 0
    payment_id: PaymentId | None = None
    answer: Answer | None = None

    def refuse_if_not_ours(self) -> None:
        """Raise ``RequestInProgress`` or ``IdempotencyKeyReused`` when the key cannot be worked on."""
        if self.status is ClaimStatus.IN_FLIGHT:
            raise RequestInProgress(
                "A request with this idempotency key is currently being processed"
            )
        if self.status is ClaimStatus.REUSED:
            raise IdempotencyKeyReused("The key belongs to another request")


def request_hash(operation: str, body: Mapping[str, object]) -> str:
    """SHA-256 hex of the operation and the canonical JSON of the request (sorted keys, S36 D4)."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{operation}\n{text}".encode()).hexdigest()
