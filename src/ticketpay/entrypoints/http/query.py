"""Query strings: every parameter is known, given once, valid UTF-8 and within its bounds (S12).

All errors at once, as for bodies; an endpoint without parameters does not read its query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.entrypoints.http.auth import uuid_of
from ticketpay.entrypoints.http.errors import QueryInvalid
from ticketpay.entrypoints.http.shapes import Shape

__all__ = ["Check", "bounded", "one_of", "query_invalid", "read_query", "uuid_text"]

_FIELDS_MAX: Final = 20
_DIGITS_MAX: Final = 9

Check = Shape[Any]
"""A check of a text that raises ``ValueError`` with its message, and its JSON Schema."""


def read_query(request: Request, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The checked parameters that were sent; a check raises ``ValueError`` with its message.

    Raises ``QueryInvalid`` naming every wrong parameter.
    """
    pairs = _pairs(request.scope["query_string"])
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, text in pairs:
        if name not in checks:
            errors[name] = "is not known"
        elif name in found or name in errors:
            errors[name] = "must be given once"
        else:
            try:
                found[name] = checks[name](text)
            except ValueError as error:
                errors[name] = str(error)
    if errors:
        raise query_invalid(errors)
    return found


def query_invalid(errors: Mapping[str, str]) -> QueryInvalid:
    """The error that names these parameters; foreign names are cut to a sane length."""
    named = tuple(FieldError(name[:64], message) for name, message in errors.items())
    return QueryInvalid("The query has wrong parameters", errors=named)


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        text = raw.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except UnicodeDecodeError as error:
        raise query_invalid({"query": "must be UTF-8, percent-encoded"}) from error
    except ValueError as error:
        raise query_invalid({"query": f"has more than {_FIELDS_MAX} parameters"}) from error


def bounded(low: int, high: int) -> Check:
    """A whole number between two bounds."""

    def check(text: str) -> int:
        plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
        if not plain or not low <= int(text) <= high:
            raise ValueError(f"must be an integer between {low} and {high}")
        return int(text)

    return Shape(check, {"type": "integer", "minimum": low, "maximum": high})


def one_of(words: Mapping[str, Any]) -> Check:
    """One of the words; what it stands for."""

    def check(text: str) -> Any:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return words[text]

    return Shape(check, {"type": "string", "enum": list(words)})


def _uuid(text: str) -> Any:
    found = uuid_of(text)
    if found is None:
        raise ValueError("must be a UUID")
    return found


uuid_text: Final[Check] = Shape(_uuid, {"type": "string", "format": "uuid"})
"""A UUID."""
