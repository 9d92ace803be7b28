"""What tests of values, words and errors have in common."""

from __future__ import annotations

from enum import StrEnum

import attrs


def words(enum: type[StrEnum]) -> str:
    """The words that are stored and sent, in order."""
    return " ".join(enum)


def by_name(value: type[attrs.AttrsInstance]) -> bool:
    """Whether a value is built by naming its fields, so that no two can be swapped."""
    return all(field.kw_only for field in attrs.fields(value))
