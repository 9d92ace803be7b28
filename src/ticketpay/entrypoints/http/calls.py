"""What endpoints take out of a call: its JSON, its key, the id in its path."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.messaging import KeyScope
from ticketpay.entrypoints.http.auth import uuid_of
from ticketpay.entrypoints.http.body import parse_json, require_json
from ticketpay.entrypoints.http.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing
from ticketpay.entrypoints.http.routing import Call

__all__ = ["id_of", "json_of", "key_of", "request_id_of"]

_KEY_MISSING: Final = "All payment operations require an Idempotency-Key header with a UUID value"
_KEY_INVALID: Final = "Use a UUID v4 format like: 123e4567-e89b-12d3-a456-426614174000"


def json_of(call: Call) -> object:
    """The body; raises ``UnsupportedMediaType`` or ``MalformedJson``."""
    require_json(call.request)
    return parse_json(call.raw)


def key_of(call: Call) -> KeyScope:
    """The caller's key, bare or as a quoted structured-field string (S11 rules 1 and 2)."""
    sent = call.request.headers.getlist("idempotency-key")
    if not any(sent):
        raise IdempotencyKeyMissing(_KEY_MISSING)
    text = sent[0]
    quoted = len(text) > 2 and text[0] == text[-1] == '"'
    key = uuid_of(text[1:-1] if quoted else text)
    if key is None or len(sent) != 1:
        raise IdempotencyKeyInvalid(_KEY_INVALID)
    return KeyScope(call.actor.user_id, key)


def id_of(call: Call, kind: str) -> UUID:
    """The id in the path; raises ``NotFound``."""
    found = uuid_of(call.request.path_params["id"])
    if found is None:
        raise NotFound(f"There is no such {kind}")
    return found


def request_id_of(call: Call) -> str:
    """The request's id, for the audit trail."""
    found: str = call.request.scope.get("ticketpay.request_id", "")
    return found
