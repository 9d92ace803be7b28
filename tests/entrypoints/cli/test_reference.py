"""The page of the command line is the tree of its commands, and every command is as promised."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.cli.shell import EXIT_CODES
from tools import gen_cli

COMMANDS = dict(gen_cli.commands())
ENDLESS = {"ticketpay serve", "ticketpay worker", "ticketpay demo", "ticketpay sandbox serve"}


def test_the_page_is_the_tree_of_commands() -> None:
    """docs/reference/cli.md is what ``tools/gen_cli.py`` writes."""
    assert gen_cli.PAGE.read_text("utf-8") == gen_cli.rendered(), "run python tools/gen_cli.py"


def test_the_page_names_every_command_and_every_exit_code() -> None:
    """Each command has its section, and each exit code its line."""
    page = gen_cli.rendered()
    assert len(COMMANDS) >= 30
    assert all(f"### {words.removeprefix('ticketpay ')}\n" in page for words in COMMANDS)
    assert all(f"| {code} | " in page for code in EXIT_CODES)


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_that_ends_knows_json(words: str) -> None:
    """--json and --no-color are everywhere but where a command runs until it is stopped."""
    known = {name for p in COMMANDS[words].params for name in p.opts}
    assert ({"--json", "--no-color"} <= known) is (words not in ENDLESS)
    assert COMMANDS[words].help


@pytest.mark.parametrize("group", sorted({words.split()[1] for words in COMMANDS}))
def test_a_summary_is_not_cut(group: str) -> None:
    """In a terminal of 80 columns the help of a group has the whole first sentence of each command."""
    told = CliRunner().invoke(cli, [group, "--help"], terminal_width=80).output
    _, _, listed = told.partition("\nCommands:\n")
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_yes_is_a_flag_that_is_off(words: str) -> None:
    """Wherever there is --yes, it is off unless somebody says it."""
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option) and "--yes" in parameter.opts:
            assert parameter.is_flag
            assert parameter.get_default(click.Context(COMMANDS[words])) in (None, False)
