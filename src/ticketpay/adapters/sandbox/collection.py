"""A collection keeps objects in the order of their creation and pages through them backwards."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import invalid

__all__ = ["Collection"]

T = TypeVar("T")

_BOTH_CURSORS: Final = (
    "Received both starting_after and ending_before parameters. Please pass in only one."
)


class Collection(Generic[T]):
    """Objects by id, by age and by tag; a page costs the logarithm of the whole."""

    def __init__(self) -> None:
        self._items: dict[str, T] = {}
        self._ids: list[str] = []
        self._created: list[int] = []
        self._places: dict[str, int] = {}
        self._tags: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def get(self, ident: str) -> T | None:
        """The object with this id, or None."""
        return self._items.get(ident)

    def add(self, ident: str, item: T, created: int, tags: Iterable[str] = ()) -> None:
        """Append an object; its second of creation must not precede its predecessor's."""
        place = len(self._ids)
        self._items[ident] = item
        self._ids.append(ident)
        self._created.append(created)
        self._places[ident] = place
        for tag in tags:
            self._tags.setdefault(tag, []).append(place)

    def replace(self, ident: str, item: T) -> None:
        """Put a new version in the place of the old one."""
        self._items[ident] = item

    def tag(self, ident: str, tag: str) -> None:
        """Tag an object later; objects are paged in the order of their creation all the same."""
        places = self._tags.setdefault(tag, [])
        place = self._places[ident]
        if place not in places:
            insort(places, place)

    def all(self) -> Iterable[T]:
        """Every object, oldest first."""
        return self._items.values()

    def page(
        self, args: Args, tag: str | None = None, where: Callable[[T], bool] | None = None
    ) -> tuple[list[T], bool]:
        """The asked page, newest first, and whether there is more beyond it.

        Raises SandboxError (400) for two cursors, or one that is no object of this collection.
        """
        if "starting_after" in args and "ending_before" in args:
            raise invalid(_BOTH_CURSORS)
        places: Sequence[int] = range(len(self._ids))
        if tag is not None:
            places = self._tags.get(tag, ())
        low, high = self._window(places, args)
        backwards = "ending_before" in args
        walk = range(low, high) if backwards else range(high - 1, low - 1, -1)
        found, more = self._collect(places, walk, args.get("limit", 10), where)
        return (found[::-1] if backwards else found), more

    def _window(self, places: Sequence[int], args: Args) -> tuple[int, int]:
        first, last = args.get("created", (0, 2**62))
        low = bisect_left(places, bisect_left(self._created, first))
        high = bisect_left(places, bisect_right(self._created, last))
        if "starting_after" in args:
            high = min(high, bisect_left(places, self._place(args, "starting_after")))
        if "ending_before" in args:
            low = max(low, bisect_right(places, self._place(args, "ending_before")))
        return low, high

    def _place(self, args: Args, name: str) -> int:
        place = self._places.get(args[name])
        if place is None:
            message = f"No such object: '{args[name]}'"
            raise invalid(message, param=name, code="resource_missing")
        return place

    def _collect(
        self,
        places: Sequence[int],
        walk: Iterable[int],
        size: int,
        where: Callable[[T], bool] | None,
    ) -> tuple[list[T], bool]:
        found: list[T] = []
        for index in walk:
            item = self._items[self._ids[places[index]]]
            if where is not None and not where(item):
                continue
            if len(found) == size:
                return found, True
            found.append(item)
        return found, False
