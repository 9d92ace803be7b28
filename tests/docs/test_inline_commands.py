"""A command that a page names in a sentence is one that the reader may type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import click
import pytest

from tests.architecture.sources import ROOT
from ticketpay.entrypoints.cli.main import cli

PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_FENCED: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`((?:[A-Z_]+=\S+ )*ticketpay\s[^`]+)`")
_VALUE: Final = re.compile(r"\$\{?\w+\}?|^[A-Z][A-Z_]*$")
"""What the reader puts in: ``$PAYMENT``, or ``ID``."""


def inline_commands(text: str) -> Iterator[str]:
    """The command lines of ours between single backticks, which may go on in the next line."""
    for span in _SPAN.findall(_FENCED.sub("", text)):
        yield " ".join(span.split())


def complaint(line: str) -> str:
    """Why ``line`` cannot be typed as it is; empty if it can, or is the mere name of a command.

    The name may stand with its arguments as the reference writes them: ``ticketpay orders show
    ORDER``. With anything more it is a line, and must have whatever the command requires.
    """
    words = shlex.split(line)
    words = words[words.index("ticketpay") + 1 :]
    command: click.Command = cli
    ctx = click.Context(cli, info_name="ticketpay")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        child = command.get_command(ctx, name)
        if child is None:
            return f"no command {name!r}"
        command, ctx = child, click.Context(child, parent=ctx, info_name=name)
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    if not words or words == [argument.make_metavar(ctx) for argument in arguments]:
        return ""
    try:
        typed = [_VALUE.sub(str(UUID(int=1)), word) for word in words]
        command.make_context(command.name, typed, parent=ctx.parent)
    except click.UsageError as wrong:
        return wrong.format_message()
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_inline_commands_can_be_typed(page: Path) -> None:
    """Command, arguments and options exist, and nothing that is required is missing."""
    lines = set(inline_commands(page.read_text("utf-8")))
    found = {line: complaint(line) for line in lines}

    assert {line: why for line, why in found.items() if why} == {}


def test_the_pages_have_inline_commands() -> None:
    """They are found, also where a line breaks, and blocks between fences are not among them."""
    assert sum(1 for page in PAGES for _ in inline_commands(page.read_text("utf-8"))) > 60
    text = "`ticketpay orders\nlist` and `A=1 ticketpay worker`\n```sh\n`ticketpay x`\n```\n`make`"
    assert list(inline_commands(text)) == ["ticketpay orders list", "A=1 ticketpay worker"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ticketpay refunds sync-payment $PAYMENT", "Missing option '--tenant'"),
        ("ticketpay balances list --owing", "Missing option '--tenant'"),
        ("ticketpay tokens issue --role venue_manager --venue $VENUE", "Missing option '--tenant'"),
        ("ticketpay refunds approve --tenant $TENANT", "Missing argument 'REFUND'"),
        ("ticketpay orders list --tenant $TENANT --all", "No such option"),
        ("ticketpay payouts connect ... --currency EUR", "Invalid value for 'VENUE'"),
        ("ticketpay orders drop", "no command 'drop'"),
        ("ticketpay order show ORDER", "no command 'order'"),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, why: str) -> None:
    """Planted lines, most of which were on the pages once."""
    assert complaint(line).startswith(why)


@pytest.mark.parametrize(
    "line",
    [
        "ticketpay tokens",
        "ticketpay refunds sync-payment",
        "ticketpay orders show ORDER",
        "ticketpay settings --check",
        "APP_ENV=staging ticketpay settings --check --json",
        "ticketpay audit checkpoint --tenant ID --json",
        "ticketpay refunds sync-payment $PAYMENT --tenant $TENANT --yes",
        "ticketpay quote --tenant $TENANT --event $EVENT --type $TYPE:2",
        'ticketpay events cancel $EVENT --tenant $TENANT --reason "the singer is ill" --yes',
    ],
)
def test_what_can_be_typed_is_let_alone(line: str) -> None:
    """Names of commands and whole lines."""
    assert complaint(line) == ""
