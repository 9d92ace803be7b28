"""``ticketpay audit``: what is recorded, the head to keep elsewhere, and the proof."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.cli.shell import Group, emit, judged

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry, Detail, KeptHead
    from ticketpay.entrypoints.bootstrap import AuditDesk
    from ticketpay.entrypoints.settings import Settings

__all__ = ["audit", "operator_entry", "read_kept"]

_HASH_CHARS = frozenset("0123456789abcdef")


def operator_entry(
    action: str, subject_type: str, subject_id: object, *, reason: str = "", **details: Detail
) -> AuditEntry:
    """An entry of whoever runs this command: TICKETPAY_OPERATOR, or the name of the login."""
    from ticketpay.domain.audit import ActorKind, AuditEntry
    from ticketpay.entrypoints.bootstrap import fresh_id, now

    return AuditEntry(
        id=fresh_id(),
        at=now(),
        actor_kind=ActorKind.OPERATOR,
        actor_id=os.environ.get("TICKETPAY_OPERATOR") or getpass.getuser(),
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        reason=reason,
        details=details,
    )


@click.group(cls=Group)
def audit() -> None:
    """Who did what: the audit trail of a tenant."""


_tenant = click.option("--tenant", type=click.UUID, required=True)


@audit.command("list")
@_tenant
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
def audit_list(tenant: UUID, limit: int) -> None:
    """Print the newest entries, newest first."""
    with _desk() as desk:
        views = [_view(entry) for entry in desk.show.latest(TenantId(tenant), limit)]
    emit(views, map(_line, views))


@audit.command("show")
@click.argument("entry", type=click.UUID)
@_tenant
def audit_show(entry: UUID, tenant: UUID) -> None:
    """Print one entry."""
    with _desk() as desk:
        view = _view(desk.show.entry(TenantId(tenant), entry))
    lines = [
        f"{name:<12}  {json.dumps(value) if isinstance(value, dict) else value}"
        for name, value in view.items()
    ]
    emit(view, lines)


@audit.command("checkpoint")
@_tenant
def audit_checkpoint(tenant: UUID) -> None:
    """Print the head of the chain, to be kept elsewhere: ``audit verify --against`` takes it."""
    with _desk() as desk:
        head = desk.show.head(TenantId(tenant))
    view = {"tenant": str(tenant), "seq": head.seq, "hash": head.hash}
    emit(view, [f"{head.seq}:{head.hash}"])


@audit.command("verify")
@_tenant
@click.option("--against", help="A kept head: SEQ:HASH, HASH, or a file with one per line.")
def audit_verify(tenant: UUID, against: str | None) -> None:
    """Prove that nothing was edited, removed, reordered or cut off; exit 1 on any difference."""
    kept = read_kept(against, tenant) if against else []
    with _desk() as desk:
        report = desk.verify(TenantId(tenant), kept)
    view = {
        "ok": report.ok,
        "seq": report.head.seq,
        "hash": report.head.hash,
        "checkpoints": report.checkpoints,
        "waiting": report.waiting,
        "differences": list(report.differences),
    }
    end = "OK" if report.ok else f"{len(report.differences)} differences"
    line = f"audit verify: {end} ({report.head.seq} chained, {report.waiting} waiting)"
    judged(view, report.differences, line)


def read_kept(text: str, tenant: UUID) -> list[KeptHead]:
    """The kept heads in ``text``, or in the file that it names; raises ``InvalidInput``.

    A line in JSON may name its tenant; heads of other tenants are left out.
    """
    path = Path(text)
    lines = path.read_text("utf-8").splitlines() if path.is_file() else [text]
    found = [_kept(line.strip(), tenant) for line in lines if line.strip()]
    kept = [head for head in found if head is not None]
    if not kept:
        wrong = FieldError("--against", f"names no head of tenant {tenant}")
        raise InvalidInput(f"{wrong.field} {wrong.message}", errors=(wrong,))
    return kept


def _kept(line: str, tenant: UUID) -> KeptHead | None:
    from ticketpay.domain.audit import KeptHead

    try:
        if line.startswith("{"):
            said = json.loads(line)
            seq, digest = said["seq"], said["hash"]
            if said.get("tenant", str(tenant)) != str(tenant):
                return None
        else:
            number, _, digest = line.rpartition(":")
            seq = int(number) if number else None
    except (ValueError, KeyError, TypeError):
        seq, digest = None, ""
    good = isinstance(digest, str) and len(digest) == 64 and _HASH_CHARS.issuperset(digest)
    if not good or not (seq is None or (type(seq) is int and seq >= 0)):
        wrong = FieldError("--against", "must be SEQ:HASH, HASH, or a file with one per line")
        raise InvalidInput(f"{wrong.field} {wrong.message}", errors=(wrong,))
    return KeptHead(hash=digest, seq=seq)


@contextmanager
def _desk() -> Iterator[AuditDesk]:
    from ticketpay.entrypoints import bootstrap

    settings_of: Callable[..., Settings] = click.get_current_context().find_root().obj
    with bootstrap.audit_desk(settings_of("DATABASE_URL")) as desk:
        yield desk


def _view(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": str(entry.id),
        "at": entry.at.isoformat(),
        "actorKind": str(entry.actor_kind),
        "actorId": entry.actor_id,
        "action": entry.action,
        "subjectType": entry.subject_type,
        "subjectId": entry.subject_id,
        "reason": entry.reason,
        "details": dict(entry.details),
        "requestId": entry.request_id,
    }


def _line(view: dict[str, object]) -> str:
    names = ("at", "actorKind", "actorId", "action", "subjectType", "subjectId", "id")
    return "  ".join(str(view[name]) for name in names)
