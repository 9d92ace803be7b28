"""A check turns one form value into a typed one, or refuses it as the provider would."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ticketpay.adapters.sandbox.errors import invalid, missing
from ticketpay.adapters.sandbox.form import Form

__all__ = [
    "Args",
    "Check",
    "Schema",
    "amount",
    "boolean",
    "choice",
    "currency",
    "filled",
    "integer",
    "limit",
    "metadata",
    "nested",
    "strings",
    "text",
    "time_range",
    "validate",
]

Args = dict[str, Any]
Check = Callable[[str, "str | Form"], Any]
Schema = dict[str, Check]

_LARGEST_AMOUNT: Final = 99_999_999
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


def validate(form: Form, schema: Schema, required: tuple[str, ...] = (), within: str = "") -> Args:
    """The typed arguments; raises SandboxError (400) for unknown, missing or bad parameters."""
    args: Args = {}
    for name, value in form.items():
        label = f"{within}[{name}]" if within else name
        check = schema.get(name)
        if check is None:
            message = f"Received unknown parameter: {label}"
            raise invalid(message, param=label, code="parameter_unknown")
        args[name] = check(label, value)
    for name in required:
        if args.get(name) is None:
            raise missing(f"{within}[{name}]" if within else name)
    return args


def _string(name: str, value: str | Form) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    return value


def integer(name: str, value: str | Form) -> int:
    """A whole number."""
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def amount(name: str, value: str | Form) -> int:
    """Cents, from 1 to 99 999 999."""
    cents = integer(name, value)
    if cents < 1:
        raise invalid("Amount must be at least 1.", param=name, code="amount_too_small")
    if cents > _LARGEST_AMOUNT:
        message = f"Amount must be no more than {_LARGEST_AMOUNT}."
        raise invalid(message, param=name, code="amount_too_large")
    return cents


def limit(name: str, value: str | Form) -> int:
    """The size of a page, from 1 to 100."""
    size = integer(name, value)
    if not 1 <= size <= 100:
        raise invalid(f"This value must be between 1 and 100: {name}.", param=name)
    return size


def boolean(name: str, value: str | Form) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return value == "true"


def text(name: str, value: str | Form) -> str | None:
    """Up to 5000 characters; an empty one unsets the field."""
    string = _string(name, value)
    if len(string) > 5000:
        raise invalid(f"Invalid {name}: at most 5000 characters.", param=name)
    return string or None


def filled(name: str, value: str | Form) -> str:
    """Up to 5000 characters; what only asks has nothing to unset, so that none is refused."""
    string = text(name, value)
    if string is None:
        message = (
            f"You passed an empty string for '{name}'. You should remove '{name}' from your request"
            " or supply a non-empty value."
        )
        raise invalid(message, param=name, code="parameter_invalid_empty")
    return string


def currency(name: str, value: str | Form) -> str:
    """Three letters of any case, given back in lower case."""
    code = _string(name, value)
    if not _CURRENCY.fullmatch(code):
        raise invalid(f"Invalid currency: {value}.", param=name)
    return code.lower()


def choice(*values: str) -> Check:
    """One of the named values."""

    def check(name: str, value: str | Form) -> str:
        if isinstance(value, str) and value in values:
            return value
        raise invalid(f"Invalid {name}: must be one of {', '.join(values)}", param=name)

    return check


def strings(name: str, value: str | Form) -> tuple[str, ...]:
    """A list of strings, none of them empty."""
    if isinstance(value, str):
        raise invalid("Invalid array", param=name)
    return tuple(filled(name, item) for item in value.values())


def nested(schema: Schema, required: tuple[str, ...] = ()) -> Check:
    """An object with a schema of its own."""

    def check(name: str, value: str | Form) -> Args:
        if isinstance(value, str):
            raise invalid("Invalid object", param=name)
        return validate(value, schema, required, name)

    return check


def metadata(name: str, value: str | Form) -> dict[str, str]:
    """Up to 50 keys of 40 characters with values of 500; an empty string is an empty object."""
    if isinstance(value, str):
        if value:
            raise invalid("Invalid object", param=name)
        return {}
    found = {key: _string(f"{name}[{key}]", item) for key, item in value.items()}
    if len(found) > 50:
        raise invalid("Metadata can have up to 50 keys.", param=name)
    for key, item in found.items():
        if len(key) > 40 or len(item) > 500:
            message = "Metadata keys have up to 40 and values up to 500 characters."
            raise invalid(message, param=f"{name}[{key}]")
    return found


_RANGE: Final[Schema] = dict.fromkeys(("gt", "gte", "lt", "lte"), integer)


def time_range(name: str, value: str | Form) -> tuple[int, int]:
    """First and last second (both included) of `created` or `created[gte|gt|lte|lt]`."""
    if isinstance(value, str):
        second = integer(name, value)
        return second, second
    bounds = validate(value, _RANGE, within=name)
    first = max(bounds.get("gte", 0), bounds.get("gt", -1) + 1)
    last = min(bounds.get("lte", 2**62), bounds.get("lt", 2**62) - 1)
    return first, last
