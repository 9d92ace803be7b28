"""A dry run of what has no preview: it is done like any other, and its transaction is undone.

So it is refused for what the real run is refused for. It holds the same locks, for as long.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.transactions import PlatformTx, Tx, UnitOfWork

__all__ = ["Undone", "Unheard"]

T = TypeVar("T")


class _Undo(Exception):
    """Rolls a transaction back that went well."""


@attrs.frozen
class Undone:
    """Runs functions in transactions of ``uow`` that are all rolled back; nothing is kept."""

    uow: UnitOfWork

    def run(self, tenant: TenantId, fn: Callable[[Tx], T]) -> T:
        """What ``fn`` returns or raises."""
        results: list[T] = []

        def undone(tx: Tx) -> None:
            results[:] = [fn(tx)]
            raise _Undo

        with suppress(_Undo):
            self.uow.run(tenant, undone)
        return results[0]

    def platform(self, fn: Callable[[PlatformTx], T], near: TenantId | None = None) -> T:
        """Nothing that is rehearsed needs it."""
        raise NotImplementedError

    def everywhere(
        self, fn: Callable[[PlatformTx], T], *, without_gaps: bool = False
    ) -> tuple[T, ...]:
        """Nothing that is rehearsed needs it."""
        raise NotImplementedError


class Unheard:
    """Alerts that nobody hears: what they would be about is undone."""

    def raise_alert(self, kind: str, detail: str, **ids: str) -> None:
        """Do nothing."""
