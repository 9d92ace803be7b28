"""``ticketpay sandbox``: run the payment sandbox, and steer one; never in production."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.shell import Group, Program, emit, settings_for

__all__ = ["sandbox"]

_SECONDS = 5.0
_INTENT = re.compile(r"pi_[A-Za-z0-9]{1,64}", re.ASCII)
F = TypeVar("F", bound=Callable[..., Any])


class _Seconds(click.FloatRange):
    """A range of numbers; ``nan`` is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return found


def _steering(command: F) -> F:
    """``--yes``, and the tenant in whose audit trail it is recorded."""
    tenant = click.option(
        "--tenant", type=click.UUID, help="Whose audit trail records it; needed with --yes."
    )
    yes = click.option("--yes", is_flag=True, help="Do it; without, only say what would happen.")
    return yes(tenant(command))


@click.group(cls=Group)
def sandbox() -> None:
    """The payment sandbox: its clock and its deliveries."""


@sandbox.command("serve", cls=Program)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=12111,
    show_default=True,
    help="Where it listens.",
)
@click.option("--webhook-url", default="", help="Where events are delivered.")
@click.option("--webhook-secret", default="", help="What they are signed with.")
def sandbox_serve(port: int, webhook_url: str, webhook_secret: str) -> None:
    """Run a sandbox until Ctrl-C."""
    from ticketpay.entrypoints.bootstrap import serve_sandbox

    _refuse_production()
    words = ["--port", str(port)]
    if webhook_url:
        words += ["--webhook-url", webhook_url, "--webhook-secret", webhook_secret]
    serve_sandbox(words)


@sandbox.command("clock")
@click.option("--advance", type=_Seconds(0, 1e9), help="Seconds to go forward.")
@click.option("--freeze/--resume", default=None, help="Stop the clock, or let it run.")
@_steering
def sandbox_clock(
    advance: float | None, tenant: UUID | None, *, freeze: bool | None, yes: bool
) -> None:
    """Show the sandbox's clock, or move it."""
    wanted: dict[str, object] = {}
    if advance is not None:
        wanted["advanceSeconds"] = advance
    if freeze is not None:
        wanted["freeze"] = freeze
    _steer("clock", wanted, tenant, yes=yes)


@sandbox.command("deliver")
@click.option(
    "--duplicate-ppm", type=click.IntRange(0, 1_000_000), help="So many of a million twice."
)
@click.option("--drop-ppm", type=click.IntRange(0, 1_000_000), help="So many of a million never.")
@click.option("--delay-seconds-max", type=_Seconds(0, 1e6), help="Each comes up to so much later.")
@click.option("--reorder/--in-order", default=None, help="In any order, or as they happened.")
@_steering
def sandbox_deliver(
    duplicate_ppm: int | None,
    drop_ppm: int | None,
    delay_seconds_max: float | None,
    tenant: UUID | None,
    *,
    reorder: bool | None,
    yes: bool,
) -> None:
    """Show how the sandbox delivers its webhooks, or change it."""
    asked = {
        "duplicatePpm": duplicate_ppm,
        "dropPpm": drop_ppm,
        "delaySecondsMax": delay_seconds_max,
        "reorder": reorder,
    }
    _steer("delivery", {k: v for k, v in asked.items() if v is not None}, tenant, yes=yes)


@sandbox.command("authenticate")
@click.argument("intent")
@click.option("--fail", is_flag=True, help="Let the buyer fail to prove who they are.")
@_steering
def sandbox_authenticate(intent: str, tenant: UUID | None, *, fail: bool, yes: bool) -> None:
    """Do what a buyer does at their bank.

    INTENT is the beginning of the clientSecret, up to _secret.
    """
    if not _INTENT.fullmatch(intent):
        raise click.BadParameter("INTENT is the provider's id: pi_ and letters or digits")
    wanted = {"outcome": "fail" if fail else "succeed"}
    if not yes:
        view = {"dryRun": True, "intent": intent, "wanted": wanted}
        emit(view, [f"dry run: would let {intent} {wanted['outcome']}; --yes does it"])
        return
    _record("authenticate", {"intent": intent, **wanted}, tenant)
    after = _control("POST", f"payment_intents/{intent}/authenticate", wanted)
    emit(after, [f"{intent}  {after['status']}"])


@sandbox.command("deliveries")
def sandbox_deliveries() -> None:
    """Show the latest deliveries."""
    found = _control("GET", "deliveries")
    emit(found["data"], [json.dumps(delivery) for delivery in found["data"]])


def _steer(name: str, wanted: Mapping[str, object], tenant: UUID | None, *, yes: bool) -> None:
    before = _control("GET", name)
    if wanted and not yes:
        view = {"dryRun": True, "before": before, "wanted": wanted}
        emit(view, [*_lines(before), f"dry run: would set {json.dumps(wanted)}; --yes does it"])
        return
    if wanted:
        _record(name, wanted, tenant)
    after = _control("POST", name, wanted) if wanted else before
    emit(after, _lines(after))


def _record(name: str, wanted: Mapping[str, object], tenant: UUID | None) -> None:
    """Before it is done: what nobody has recorded is not done."""
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.cli.books import require_known

    settings = settings_for()
    if not settings.database_url:
        return
    if tenant is None:
        raise click.UsageError("--yes needs --tenant: it is recorded in a tenant's audit trail")
    require_known(settings, tenant)
    entry = operator_entry(f"sandbox.{name}", "sandbox", settings.stripe_api_base)
    said = {k: v if isinstance(v, int) else str(v) for k, v in wanted.items()}
    with bootstrap.audit_desk(settings) as desk:
        desk.record(TenantId(tenant), attrs.evolve(entry, details=said))


def _lines(view: Mapping[str, Any]) -> list[str]:
    return [f"{name:<16}  {value}" for name, value in view.items()]


def _refuse_production() -> None:
    if settings_for().app_env == "production":
        raise Forbidden("the sandbox is refused in production")


def _control(method: str, name: str, body: object = None) -> dict[str, Any]:
    """Ask a control route of the sandbox at STRIPE_API_BASE."""
    import httpx

    _refuse_production()
    base = settings_for("STRIPE_API_BASE").stripe_api_base
    try:
        answer = httpx.request(method, f"{base}/_sandbox/{name}", json=body, timeout=_SECONDS)
    except httpx.InvalidURL as error:
        raise InvalidInput("STRIPE_API_BASE is not an address") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"no sandbox answers at {base}") from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NotFound(_unknown(answer) or f"{base} is no sandbox")
    if answer.is_error:
        raise InvalidInput(f"the sandbox refuses: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found


def _unknown(answer: Any) -> str:
    """What the sandbox says that it does not know; empty if it is none."""
    try:
        error = answer.json()["error"]
        return str(error["message"]) if error["code"] == "resource_missing" else ""
    except (ValueError, LookupError, TypeError):
        return ""
