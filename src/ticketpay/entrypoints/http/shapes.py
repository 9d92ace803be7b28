"""Shapes: checks of JSON values that say in JSON Schema what they check.

A *shape* turns a value into a domain type or raises ``InvalidInput``, whose paths are relative to
the value; whoever checks the parts of a value collects their errors. A bound stands in one place:
the check and the schema are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.entrypoints.http.auth import uuid_of

__all__ = [
    "UUID_TEXT",
    "Fields",
    "Member",
    "Record",
    "Shape",
    "array",
    "integer",
    "known",
    "one_of",
    "text",
    "wrong",
]

T = TypeVar("T")
_NAME_MAX: Final = 100
_NAMES_MAX: Final = 20
"""So many unknown names are told, and as much of each: what comes back is no longer than an answer."""


@attrs.frozen
class Shape(Generic[T]):
    """A check and its JSON Schema."""

    read: Callable[[Any], T]
    schema: Mapping[str, object]

    def __call__(self, value: Any) -> T:
        """The checked value."""
        return self.read(value)


@attrs.frozen
class Member(Generic[T]):
    """A named member of an object."""

    name: str
    shape: Shape[T]
    required: bool = True

    @property
    def optional(self) -> Member[T]:
        """The same member where it may be left out."""
        return attrs.evolve(self, required=False)


@attrs.frozen
class Record:
    """The known members of an object; ``rules`` is what JSON Schema says about several of them.

    Unknown members are not read (S12), and refused where the record is ``closed``.
    """

    members: tuple[Member[Any], ...]
    rules: Mapping[str, object] = attrs.field(factory=dict)
    closed: bool = attrs.field(default=False, kw_only=True)

    def declares(self, member: Member[Any]) -> bool:
        """Whether the record has this member, with this shape."""
        return any(one.name == member.name and one.shape is member.shape for one in self.members)

    def open(self, value: object, path: str = "") -> Fields:
        """The members of a value; raises ``InvalidInput`` unless it is an object."""
        if not isinstance(value, dict):
            raise wrong("must be an object", path)
        known_names = {one.name for one in self.members}
        strange = sorted(set(value) - known_names) if self.closed else ()
        errors = [
            FieldError(name[:_NAME_MAX], "is not known here") for name in strange[:_NAMES_MAX]
        ]
        return Fields(value, self, errors)

    @property
    def schema(self) -> dict[str, object]:
        """As JSON Schema; unknown members that are not read are not spoken of."""
        return {
            "type": "object",
            "properties": {one.name: one.shape.schema for one in self.members},
            "required": [one.name for one in self.members if one.required],
            **({"additionalProperties": False} if self.closed else {}),
            **self.rules,
        }


@attrs.frozen
class Fields:
    """The members of one object and the errors found in them."""

    members: Mapping[str, object]
    record: Record | None = None
    errors: list[FieldError] = attrs.field(factory=list)

    def take(self, member: Member[T], *, required: bool | None = None) -> T | None:
        """The checked member, or None when it is absent or wrong; null is not absent.

        The absence of what is ``required`` (by default: what the member says) is an error.
        """
        assert self.record is None or self.record.declares(member), "a member is declared"
        if member.name not in self.members:
            if member.required if required is None else required:
                self.errors.append(FieldError(member.name, "is required"))
            return None
        return _collect(member.shape, self.members[member.name], member.name, self.errors)

    def raise_errors(self) -> None:
        """Raise ``InvalidInput`` with all errors found, if there are any."""
        if self.errors:
            raise InvalidInput("The body has wrong fields", errors=tuple(self.errors))


def _collect(shape: Shape[T], value: object, path: str, errors: list[FieldError]) -> T | None:
    try:
        return shape.read(value)
    except InvalidInput as found:
        for error in found.errors:
            inner = f"{path}.{error.field}" if error.field else path
            errors.append(FieldError(inner, error.message))
        return None


def wrong(message: str, path: str = "") -> InvalidInput:
    """The error of one value."""
    return InvalidInput("The body has wrong fields", errors=(FieldError(path, message),))


def known(value: T | None) -> T:
    """What is there, because its absence would have been an error."""
    assert value is not None, "without an error every required field has a value"
    return value


def _uuid(value: object) -> UUID:
    found = uuid_of(value)
    if found is None:
        raise wrong("must be a UUID")
    return found


UUID_TEXT = Shape(_uuid, {"type": "string", "format": "uuid"})
"""A UUID with hyphens."""


def integer(low: int, high: int) -> Shape[int]:
    """A whole number within bounds."""

    def check(value: object) -> int:
        # bool is a subclass of int, and 1.0 is not an integer on the wire.
        if type(value) is not int:
            raise wrong("must be an integer")
        if not low <= value <= high:
            raise wrong(f"must be between {low} and {high}")
        return value

    return Shape(check, {"type": "integer", "minimum": low, "maximum": high})


def text(low: int, high: int) -> Shape[str]:
    """A text without NUL whose length, in characters, is within bounds."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise wrong("must be text")
        if not low <= len(value) <= high:
            raise wrong(f"must have {low} to {high} characters")
        if "\x00" in value:
            raise wrong("must not contain NUL")
        return value

    bounds = {"minLength": low, "maxLength": high, "pattern": "^[^\\u0000]*$"}
    return Shape(check, {"type": "string", **bounds})


def one_of(*words: str) -> Shape[str]:
    """One of the words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise wrong(f"must be one of {', '.join(words)}")
        return value

    return Shape(check, {"type": "string", "enum": list(words)})


def array(item: Shape[T], high: int) -> Shape[tuple[T, ...]]:
    """One to ``high`` items."""

    def check(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise wrong("must be an array")
        if not 1 <= len(value) <= high:
            raise wrong(f"must have 1 to {high} items")
        errors: list[FieldError] = []
        found = [_collect(item, one, str(index), errors) for index, one in enumerate(value)]
        if errors:
            raise InvalidInput(errors=tuple(errors))
        return tuple(known(one) for one in found)

    schema = {"type": "array", "items": item.schema, "minItems": 1, "maxItems": high}
    return Shape(check, schema)
