"""A record is one immutable version of an object, kept as the JSON that the provider shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from ticketpay.adapters.sandbox.response import Json, compact

__all__ = ["Record"]


@attrs.frozen(eq=False)
class Record:
    """An object in the provider's shape; a change makes a new record, never a new content."""

    shown: Json

    def __getitem__(self, name: str) -> Any:
        """The value of a field."""
        return self.shown[name]

    @property
    def id(self) -> str:
        """The id of the object, the same in all versions."""
        ident: str = self.shown["id"]
        return ident

    @property
    def kind(self) -> str:
        """What the object is: `refund`, `payout` and so on."""
        kind: str = self.shown["object"]
        return kind

    @property
    def amount(self) -> int:
        """Its amount in cents."""
        amount: int = self.shown["amount"]
        return amount

    @property
    def metadata(self) -> Mapping[str, str]:
        """What was written on it."""
        metadata: Mapping[str, str] = self.shown["metadata"]
        return metadata

    def but(self, **changes: Any) -> Record:
        """The next version."""
        return Record(self.shown | changes)

    def json(self) -> str:
        """The JSON text of the object as the provider shows it."""
        return compact(self.shown)

    def render(self) -> Json:
        """The object as the provider shows it, free to be changed."""
        shown: Json = json.loads(self.json())
        return shown
