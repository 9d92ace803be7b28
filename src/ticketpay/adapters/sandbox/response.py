"""A response is what the provider answers, or that it does not answer at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final, Protocol

import attrs

__all__ = [
    "API_VERSION",
    "Json",
    "Plain",
    "Rendered",
    "Response",
    "compact",
    "mapping",
    "text",
]

Json = dict[str, Any]

API_VERSION: Final = "2026-10-28.endive"

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)


@attrs.frozen(kw_only=True)
class Response:
    """Status, headers (lower-case names) and body of one answer.

    `hang` says that the provider never answers (then `status` is 0); `delay_seconds` that it
    answers late. `ticket` names the request (account, idempotency key) to `SandboxModel.hold`.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    hang: bool = False
    delay_seconds: float = 0.0
    ticket: tuple[str, str] | None = None


class Rendered(Protocol):
    """An immutable version of something that can be shown, as JSON text or as an object."""

    def json(self) -> str:
        """The JSON text."""

    def render(self) -> Json:
        """The JSON object."""


@attrs.frozen
class Plain:
    """Something shown that is nothing but its JSON object."""

    shown: Json

    def json(self) -> str:
        """The JSON text."""
        return compact(self.shown)

    def render(self) -> Json:
        """The JSON object."""
        return self.shown


def compact(value: Json | None) -> str:
    """The JSON text of an object, without spaces and in the order of its keys."""
    return "null" if value is None else _ENCODER.encode(value)


def text(value: str | None) -> str:
    """The JSON text of a string or null."""
    return "null" if value is None else quoted(value)


def mapping(value: Mapping[str, str]) -> str:
    """The JSON text of an object of strings."""
    return "{" + ",".join([f"{quoted(key)}:{quoted(item)}" for key, item in value.items()]) + "}"
