"""``ticketpay audit``: what is recorded, the head to keep elsewhere, and the proof."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.entrypoints.cli.shell import Group, emit, emit_table, judged, settings_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry, Detail, KeptHead
    from ticketpay.domain.processes.auditing import AuditDesk

__all__ = ["audit", "operator_entry", "read_kept"]

_HASH_CHARS = frozenset("0123456789abcdef")
_COLUMNS = ("at", "actorKind", "actorId", "action", "subjectType", "subjectId", "id")


def operator_entry(
    action: str,
    subject_type: str,
    subject_id: object,
    *,
    name: str = "",
    reason: str = "",
    **details: Detail,
) -> AuditEntry:
    """An entry of whoever runs this command: ``name``, TICKETPAY_OPERATOR or the login's name.

    Raises:
        InvalidInput: a name or a reason that cannot be kept as it is.
    """
    from ticketpay.domain.audit import TEXT_MAX, ActorKind, AuditEntry
    from ticketpay.entrypoints.bootstrap import fresh_id, now

    known = os.environ.get("TICKETPAY_OPERATOR") or getpass.getuser()
    for option, text in (("--as", name), ("TICKETPAY_OPERATOR", known), ("--reason", reason)):
        if len(text) > TEXT_MAX or "\0" in text:
            raise InvalidInput(f"{option} must have at most {TEXT_MAX} characters")
    return AuditEntry(
        id=fresh_id(),
        at=now(),
        actor_kind=ActorKind.OPERATOR,
        actor_id=name or known,
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        reason=reason,
        details=details,
    )


@click.group(cls=Group)
def audit() -> None:
    """Who did what: the audit trail of a tenant."""


_tenant = click.option("--tenant", type=click.UUID, required=True, help="Whose trail.")


@audit.command("list")
@_tenant
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=20,
    show_default=True,
    help="How many at most.",
)
def audit_list(tenant: UUID, limit: int) -> None:
    """Print the newest entries, newest first."""
    with _desk(tenant) as desk:
        views = [_view(entry) for entry in desk.show.latest(TenantId(tenant), limit)]
    emit_table(views, _COLUMNS, [[view[name] for name in _COLUMNS] for view in views])


@audit.command("show")
@click.argument("entry", type=click.UUID)
@_tenant
def audit_show(entry: UUID, tenant: UUID) -> None:
    """Print one entry."""
    with _desk(tenant) as desk:
        view = _view(desk.show.entry(TenantId(tenant), entry))
    lines = [
        f"{name:<12}  {json.dumps(value) if isinstance(value, dict) else value}"
        for name, value in view.items()
    ]
    emit(view, lines)


@audit.command("checkpoint")
@_tenant
def audit_checkpoint(tenant: UUID) -> None:
    """Print the head of the chain, to be kept elsewhere.

    It is what audit verify --against takes.
    """
    with _desk(tenant) as desk:
        head = desk.show.head(TenantId(tenant))
    view = {"tenant": str(tenant), "seq": head.seq, "hash": head.hash}
    emit(view, [f"{head.seq}:{head.hash}"])


@audit.command("verify")
@_tenant
@click.option("--against", help="A kept head: SEQ:HASH, HASH, or a file with one per line.")
def audit_verify(tenant: UUID, against: str | None) -> None:
    """Prove that the trail is whole; exit 1 on any difference.

    That is: nothing was edited, removed, reordered or cut off.
    """
    try:
        kept = read_kept(against, tenant) if against else []
    except InvalidInput as wrong:
        # Exit 1 would say that something was found.
        raise click.UsageError(str(wrong)) from wrong
    with _desk(tenant) as desk:
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
    found = [_kept(line.strip(), tenant) for line in _lines(text) if line.strip()]
    kept = [head for head in found if head is not None]
    if not kept:
        wrong = FieldError("--against", f"names no head of tenant {tenant}")
        raise InvalidInput(f"{wrong.field} {wrong.message}", errors=(wrong,))
    return kept


def _lines(text: str) -> list[str]:
    try:
        path = Path(text)
        return path.read_text("utf-8").splitlines() if path.is_file() else [text]
    except (OSError, ValueError) as error:
        wrong = FieldError("--against", "names a file that cannot be read as UTF-8")
        raise InvalidInput(f"{wrong.field} {wrong.message}", errors=(wrong,)) from error


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
def _desk(tenant: UUID) -> Iterator[AuditDesk]:
    """The desk; raises ``NotFound`` for a tenant that is not there."""
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.cli.books import require_known

    settings = settings_for("DATABASE_URL")
    require_known(settings, tenant)
    with bootstrap.audit_desk(settings) as desk:
        yield desk


def _view(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": str(entry.id),
        "at": rfc3339(entry.at),
        "actorKind": str(entry.actor_kind),
        "actorId": entry.actor_id,
        "action": entry.action,
        "subjectType": entry.subject_type,
        "subjectId": entry.subject_id,
        "reason": entry.reason,
        "details": dict(entry.details),
        "requestId": entry.request_id,
    }
