"""``ticketpay settings``: what every setting is, where it comes from, and what is wrong with it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import attrs
import click

if TYPE_CHECKING:
    from ticketpay.domain.kernel.errors import FieldError
    from ticketpay.entrypoints.settings import Declared, Settings

__all__ = ["Row", "near_misses", "rows", "settings"]

Warned = tuple[dict[str, str], str]
"""A warning for programs, and in words."""

_ALIKE: Final = 0.85
_USER_INFO: Final = re.compile(r"//[^/@\s]*@")
_STARTS_REAL: Final = ("DATABASE_URL", "MIGRATION_DATABASE_URL")


@attrs.frozen(kw_only=True)
class Row:
    """One setting as it may be shown: a secret is only "set" or "not set"."""

    name: str
    value: str
    source: str
    declared: Declared
    refused: str


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 and print everything that is refused.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-color", is_flag=True, help="Plain text, as it always is here.")
def settings(*, check: bool, as_json: bool, no_color: bool) -> None:  # noqa: ARG001 - for a common shape
    """Print every setting with its value and where it comes from; no secret is printed."""
    from ticketpay.entrypoints.settings import read_settings

    environ, stack = os.environ, _stack()
    found, refusals = read_settings({**stack, **environ})
    warnings = [*_meant(near_misses(environ)), *_lacking(found)]
    if as_json:
        click.echo(json.dumps(_document(rows(environ, stack), refusals, warnings)))
    else:
        if not check:
            _print_table(list(rows(environ, stack)))
        _tell(refusals, warnings)
    if check and refusals:
        sys.exit(1)


def rows(environ: Mapping[str, str], stack: Mapping[str, str]) -> Iterator[Row]:
    """Every setting in the order of its declaration; the environment wins over the ``stack``."""
    from ticketpay.entrypoints.settings import declarations, read_settings

    found, refusals = read_settings({**stack, **environ})
    for field, declared in declarations():
        name = declared.name
        value = getattr(found, field.name)
        source = _source(name, environ, stack)
        if name == "WORKER_DATABASE_URL" and source == "default" and value:
            source = "DATABASE_URL"
        yield Row(
            name=name,
            value=_shown(value, secret=declared.secret),
            source=source,
            declared=declared,
            refused="; ".join(r.message for r in refusals if r.field == name),
        )


def near_misses(names: Iterable[str]) -> list[tuple[str, str]]:
    """(what is there, what was probably meant) for every name that is nearly a setting's."""
    from ticketpay.entrypoints.settings import declarations

    known = [declared.name for _, declared in declarations()]
    pairs = [
        (name, get_close_matches(name.upper(), known, 1, _ALIKE))
        for name in sorted(set(names) - set(known))
    ]
    return [(name, meant[0]) for name, meant in pairs if meant]


def _meant(misses: Iterable[tuple[str, str]]) -> Iterator[Warned]:
    for name, meant in misses:
        yield {"name": name, "meant": meant}, f"{name} is no setting; did you mean {meant}?"


def _lacking(found: Settings) -> Iterator[Warned]:
    """What serve and worker will refuse to start without, once there is a database."""
    from ticketpay.entrypoints.settings import missing

    if not found.database_url:
        return
    for program, worker in (("serve", False), ("worker", True)):
        for name in missing(found, worker=worker):
            yield {"name": name, "neededBy": program}, f"ticketpay {program} needs {name}"


def _stack() -> Mapping[str, str]:
    """The settings of the running development stack, as the other commands use them."""
    if any(os.environ.get(name) for name in _STARTS_REAL):
        return {}
    from ticketpay.adapters.embedded.folders import default_data_folder
    from ticketpay.entrypoints.stack import running_environment

    return running_environment(default_data_folder())


def _source(name: str, environ: Mapping[str, str], stack: Mapping[str, str]) -> str:
    if name in environ:
        return "environment"
    return "development stack" if name in stack else "default"


def _shown(value: object, *, secret: bool) -> str:
    if secret:
        return "set" if value else "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | frozenset):
        return ",".join(map(str, sorted(value) if isinstance(value, frozenset) else value))
    # A password may hide in an address that is no secret itself.
    return _USER_INFO.sub("//***@", str(value))


def _print_table(found: list[Row]) -> None:
    lines = [("SETTING", "VALUE", "FROM"), *((r.name, r.value or "-", r.source) for r in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(2)]
    for name, value, source in lines:
        click.echo(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")


def _tell(refusals: tuple[FieldError, ...], warnings: Iterable[Warned]) -> None:
    for refusal in refusals:
        click.echo(f"refused: {refusal.field} {refusal.message}", err=True)
    for _, line in warnings:
        click.echo(f"warning: {line}", err=True)
    if not refusals:
        click.echo("settings: OK", err=True)


def _document(
    found: Iterable[Row], refusals: tuple[FieldError, ...], warnings: Iterable[Warned]
) -> dict[str, object]:
    settings_of = [
        {
            "name": row.name,
            "value": row.value,
            "source": row.source,
            "kind": row.declared.kind,
            "neededBy": row.declared.needed_by,
            "secret": row.declared.secret,
            "refused": row.refused or None,
        }
        for row in found
    ]
    return {
        "ok": not refusals,
        "settings": settings_of,
        "refusals": [{"name": r.field, "message": r.message} for r in refusals],
        "warnings": [document for document, _ in warnings],
    }
