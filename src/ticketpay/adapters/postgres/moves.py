"""The record of every move of every machine."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session

__all__ = ["record_move"]

_SQL: Final = load("payments")


def record_move(
    session: Session, machine: str, subject: UUID, version: int, step: Step[Any, Any], at: datetime
) -> None:
    """Write down a step with the version that it made; an illegal one is refused at the commit."""
    session.write(
        _SQL["add_move"],
        {
            "tenant": session.tenant_id,
            "machine": machine,
            "id": subject,
            "version": version,
            "before": step.before.value,
            "event": step.event.value,
            "after": step.after.value,
            "at": at,
        },
    )
