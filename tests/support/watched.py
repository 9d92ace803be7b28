"""Watched ports: somebody hears every call of a port before it happens.

Whoever hears may count the call, let others run first, or raise: then the call does not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from ticketpay.adapters.memory import MemoryUnitOfWork
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.ports.transactions import PlatformTx, Tx

__all__ = ["Hear", "WatchedUnitOfWork"]

T = TypeVar("T")

Hear = Callable[[str], None]
"""Told ``port.method``; ``tx.begin`` and its like come from the unit of work itself."""


class _WatchedPort:
    """A port whose methods are heard."""

    __slots__ = ("_hear", "_name", "_port")

    def __init__(self, name: str, port: object, hear: Hear) -> None:
        self._name, self._port, self._hear = name, port, hear

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._port, method)
        hear, step = self._hear, f"{self._name}.{method}"

        def heard(*values: Any, **named: Any) -> Any:
            hear(step)
            return call(*values, **named)

        return heard


class _WatchedTx:
    """A transaction whose ports are watched."""

    def __init__(self, tx: object, hear: Hear) -> None:
        self._tx, self._hear = tx, hear

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._tx, name)
        if name != "tenant_id":
            value = _WatchedPort(name, value, self._hear)
        self.__dict__[name] = value
        return value


class WatchedUnitOfWork:
    """``UnitOfWork`` around the one in memory, with watched ports."""

    def __init__(self, inner: MemoryUnitOfWork, hear: Hear) -> None:
        self._inner, self._hear = inner, hear

    def run(self, tenant: TenantId, fn: Callable[[Tx], T]) -> T:
        """One transaction of ``tenant``, heard."""
        return self._inner.run(tenant, lambda tx: fn(cast("Tx", _WatchedTx(tx, self._hear))))

    def platform(self, fn: Callable[[PlatformTx], T], near: TenantId | None = None) -> T:
        """One transaction without a tenant, heard."""
        return self._inner.platform(lambda tx: fn(self._watched(tx)), near)

    def everywhere(
        self, fn: Callable[[PlatformTx], T], *, without_gaps: bool = False
    ) -> tuple[T, ...]:
        """The same in every database."""
        return self._inner.everywhere(lambda tx: fn(self._watched(tx)), without_gaps=without_gaps)

    def _watched(self, tx: PlatformTx) -> PlatformTx:
        return cast("PlatformTx", _WatchedTx(tx, self._hear))
