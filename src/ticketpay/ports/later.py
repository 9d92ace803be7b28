"""``Later``: the answer to a read that is under way."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["Later"]

T_co = TypeVar("T_co", covariant=True)


class Later(Protocol[T_co]):
    """**Protocol:** call it to wait for the answer; calling it again gives the same answer."""

    def __call__(self) -> T_co:
        """The answer."""
        ...
