"""What the operators' commands share: whose, who and why, dry runs, money, and the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict, FieldError, NotFound
from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.domain.messaging import AggregateType
from ticketpay.entrypoints.cli.shell import amount, emit, settings_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.messaging import Answer
    from ticketpay.domain.parties import Actor
    from ticketpay.domain.payments.sales import Sale
    from ticketpay.entrypoints.wiring import App

__all__ = [
    "acting",
    "int_of",
    "kinds",
    "limited",
    "line_of",
    "of_aggregate",
    "of_tenant",
    "once",
    "opened",
    "operator_of",
    "require_reason",
    "sale_of",
    "say_done",
    "say_dry",
    "support_of",
    "taken",
]

F = TypeVar("F", bound=Callable[..., Any])

_NOBODY = UserId(UUID(int=0))
of_tenant = click.option("--tenant", type=click.UUID, required=True, help="Whose.")


limited = click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="How many at most.",
)


kinds = click.Choice([kind.value for kind in AggregateType])
of_aggregate = click.option(
    "--type",
    "kind",
    type=kinds,
    default="order",
    show_default=True,
    help="What it is about.",
)


def acting(command: F) -> F:
    """``--yes``, ``--as`` and ``--reason``: what every command that changes something has."""
    for option in (
        click.option("--reason", default="", help="Why; kept in the audit trail."),
        click.option("--as", "name", default="", help="Who; else the name of the login."),
        click.option("--yes", is_flag=True, help="Do it; without, only say what would happen."),
    ):
        command = option(command)
    return command


def require_reason(option: str, reason: str) -> None:
    """Raise ``UsageError`` when ``reason`` says nothing, as blanks do: it is what an audit reads."""
    if not reason.strip():
        raise click.UsageError(f"{option} needs --reason: it is what the audit trail says")


def say_dry(action: str, subject: object, before: str, would: str) -> None:
    """Say what ``--yes`` would do."""
    view = {
        "dryRun": True,
        "action": action,
        "subjectId": str(subject),
        "before": before,
        "would": would,
    }
    emit(view, [f"{subject} is {before}", f"dry run: would {would}; --yes does it"])


def say_done(action: str, subject: object, before: str, after: str, then: str = "") -> None:
    """Say what has been done, and what is still to do."""
    view = {
        "dryRun": False,
        "action": action,
        "subjectId": str(subject),
        "before": before,
        "after": after,
        **({"next": then} if then else {}),
    }
    emit(view, [f"{action} {subject}: {before} -> {after}", *([f"next: {then}"] if then else [])])


def support_of(tenant: UUID) -> Actor:
    """Support reads every order of its tenant."""
    from ticketpay.domain.parties import Actor, Role

    return Actor(tenant_id=TenantId(tenant), user_id=_NOBODY, role=Role.SUPPORT)


def operator_of(tenant: UUID, entry: AuditEntry) -> Actor:
    """Support, told apart by the operator's name: who asks does not approve.

    The name is believed: whoever holds DATABASE_URL can do anything. Its case and blanks make nobody
    a second person.
    """
    name = " ".join(entry.actor_id.casefold().split())
    named = uuid5(NAMESPACE_URL, f"ticketpay:operator:{name}")
    return attrs.evolve(support_of(tenant), tenant_id=TenantId(tenant), user_id=UserId(named))


def once(who: Actor, entry: AuditEntry) -> Any:
    """A key of its own: a command that is given again is a new wish."""
    from ticketpay.domain.messaging import KeyScope

    return KeyScope(who.user_id, entry.id)


def taken(answer: Answer) -> Mapping[str, object]:
    """What was done; raises ``Conflict`` with the code of a refusal."""
    from ticketpay.domain.messaging import Outcome

    if answer.outcome is Outcome.REFUSED:
        named: Any = answer.body.get("errors", ())
        errors = tuple(FieldError(one["field"], one["message"]) for one in named)
        raise Conflict(str(answer.body["detail"]), code=str(answer.body["code"]), errors=errors)
    return answer.body


def int_of(view: Mapping[str, object], name: str) -> int:
    """A number of a view, such as its cents."""
    found = view[name]
    assert isinstance(found, int), f"{name} is an integer"
    return found


def sale_of(app: App, tenant: UUID, payment: UUID) -> Sale:
    """A payment as its sale, as ``payments list`` has it; raises ``NotFound``."""
    # Lists go down from before a place: the next greater id is the one of this payment alone.
    place = UUID(int=min(payment.int + 1, (1 << 128) - 1))
    found = app.parts.uow.run(TenantId(tenant), lambda tx: tx.listings.payments(place, 1)())
    if not found or found[0].payment_id != payment:
        raise NotFound(f"there is no payment {payment}")
    return found[0]


def line_of(name: str, value: object) -> str:
    """A line about one member of a view; cents are shown with two decimals."""
    if name.endswith("Cents"):
        value = amount(int_of({name: value}, name))
    return f"{name.removesuffix('Cents'):<16}  {value}"


@contextmanager
def opened(
    tenant: UUID | None = None, *, worker: bool = False, reading: bool = False
) -> Iterator[App]:
    """The application; as the ``worker`` where its role is needed.

    For ``reading`` DATABASE_URL is all that it takes. Raises ``NotFound`` when there is no such
    ``tenant``.
    """
    from ticketpay.entrypoints.cli.books import open_app, require_known

    needed = "WORKER_DATABASE_URL" if worker else "DATABASE_URL"
    settings = settings_for(needed)
    if tenant is not None:
        require_known(settings, tenant)
    with open_app(settings, worker=worker, reading=reading) as app:
        yield app
