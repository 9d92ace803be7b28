"""Write docs/reference/cli.md from the tree of commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Final

import click

from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.cli.shell import EXIT_CODES

__all__ = ["PAGE", "commands", "main", "rendered"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/cli.md"
_ENDS: Final = {"ticketpay demo": "It ends by itself"}
_HEAD: Final = """# The command line

Written by `python tools/gen_cli.py`. Settings come from the environment
([settings](settings.md)); without `DATABASE_URL` commands use the development stack that runs on
the data folder.

- `--json`, before the command or after it, prints exactly one JSON document on stdout; an error is one JSON document
  (`code`, `detail`, and `errors` that name wrong fields) on stderr. Amounts are in cents.
- `--no-color` and `NO_COLOR` switch colours off; whatever is no terminal gets none.
- What changes money or state is a dry run unless `--yes`, and leaves an entry in the audit trail. `catalog load` and `tokens issue`
  act at once, and leave their entry too; so does `migrate`, without one.
- `ticketpay completion bash` (or `zsh`, `fish`) prints the script that completes commands.

## Exit codes

| Code | Meaning |
|---|---|
"""


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ("ticketpay",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, with the words that call it, sorted."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        child = command.get_command(ctx, name)
        assert child is not None, f"{name} is listed"
        yield from commands(child, (*path, name))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    kind = "" if option.is_flag else f" {_cell(option.make_metavar(click.Context(cli)))}"
    needed = " Required." if option.required else ""
    many = " Repeatable." if option.multiple else ""
    default = f" Default {option.default}." if option.show_default else ""
    return f"| {names}{kind} | {_cell((option.help or '') + needed + many + default)} |\n"


def _section(words: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    call = " ".join([words, *(a.make_metavar(click.Context(command)) for a in arguments)])
    help_text = cleandoc(command.help or "").replace("``", "`")
    text = f"\n### {words.removeprefix('ticketpay ')}\n\n`{_cell(call)}`\n\n{help_text}\n"
    options = [p for p in command.params if isinstance(p, click.Option)]
    own = [o for o in options if not {"--json", "--no-color"} & set(o.opts)]
    if not any("--json" in o.opts for o in options):
        text += f"\n{_ENDS.get(words, 'It runs until it is stopped')} and knows no `--json`.\n"
    if own:
        text += "\n| Option | |\n|---|---|\n" + "".join(map(_option, own))
    return text


def rendered() -> str:
    """The page as it should be."""
    codes = "".join(f"| {code} | {_cell(text)} |\n" for code, text in EXIT_CODES.items())
    sections = "".join(_section(words, command) for words, command in commands())
    return f"{_HEAD}{codes}\n## Commands\n{sections}"


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
