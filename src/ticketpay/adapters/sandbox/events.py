"""An event is a snapshot of an object at the moment of a change, told to webhook endpoints."""

from __future__ import annotations

import json

import attrs

from ticketpay.adapters.sandbox.response import API_VERSION, Json, Rendered, compact, text

__all__ = ["Event"]


@attrs.define(kw_only=True, eq=False)
class Event:
    """An event; the snapshot is rendered and serialised once, when it is first sent."""

    id: str
    type: str
    created: int
    account: str | None
    snapshot: Rendered
    request_id: str | None
    idempotency_key: str | None
    previous: Json | None = None
    pending: int = 0
    _body: bytes | None = None

    def json(self) -> str:
        """The JSON text as the provider shows it; `pending_webhooks` as of now."""
        account = "" if self.account is None else f'"account":{text(self.account)},'
        before = ""
        if self.previous is not None:
            before = f',"previous_attributes":{compact(self.previous)}'
        return (
            f'{{"id":"{self.id}","object":"event",{account}"api_version":"{API_VERSION}",'
            f'"created":{self.created},"data":{{"object":{self.snapshot.json()}{before}}},'
            f'"livemode":false,"pending_webhooks":{self.pending},'
            f'"request":{{"id":{text(self.request_id)},'
            f'"idempotency_key":{text(self.idempotency_key)}}},"type":"{self.type}"}}'
        )

    def render(self) -> Json:
        """The object as the provider shows it."""
        shown: Json = json.loads(self.json())
        return shown

    def body(self) -> bytes:
        """The bytes sent to endpoints: the same for every endpoint and attempt."""
        if self._body is None:
            self._body = self.json().encode("ascii")
        return self._body

    def settled(self) -> None:
        """One delivery fewer is pending; after the last one the bytes are forgotten."""
        self.pending -= 1
        if self.pending <= 0:
            self._body = None
