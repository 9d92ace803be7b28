"""What every command shares: ``--json``, colours, errors in one line, and exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

if TYPE_CHECKING:
    from ticketpay.domain.kernel.errors import FieldError
    from ticketpay.entrypoints.settings import Settings

__all__ = [
    "EXIT_CODES",
    "Command",
    "Group",
    "Lazy",
    "Program",
    "Root",
    "amount",
    "as_json",
    "emit",
    "emit_table",
    "exit_code",
    "judged",
    "settings_for",
]

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "done; a dry run is done when it has said what would happen",
    1: "the operation failed, a setting is missing or wrong, or differences were found",
    2: "wrong usage: unknown command or option, an argument of the wrong kind",
    3: "not found",
    4: "refused: the state has moved on, or a rule says no",
    5: "unavailable, or the outcome is not known: ask again, repeat nothing blindly",
    130: "interrupted by Ctrl-C",
    141: "whoever read the output has gone",
}
_WIDTH: Final = 240
_PLAIN: Final = "ticketpay.plain"
_JSON: Final = "ticketpay.json"


def exit_code(error: Exception) -> int:
    """The exit code of an expected error."""
    from ticketpay.domain.kernel import errors

    if isinstance(error, errors.NotFound):
        return 3
    if isinstance(error, errors.Conflict | errors.Rejected | errors.Forbidden):
        return 4
    return 5 if isinstance(error, errors.Unavailable | errors.OutcomeUnknown) else 1


def _remember(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        if value:
            ctx.meta[name] = True

    return remember


def _common() -> list[click.Parameter]:
    return [
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember(_JSON),
            help="One JSON document on stdout; errors are JSON on stderr.",
        ),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_remember(_PLAIN),
            help="No colours; NO_COLOR does the same.",
        ),
    ]


class Command(click.Command):
    """A command with ``--json`` and ``--no-color``, unless it has its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for parameter in self.params for name in parameter.opts}
        self.params.extend(p for p in _common() if not own & set(p.opts))


class Program(click.Command):
    """A command that runs until it is stopped: it has no answer to print in JSON."""


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class: type[click.Group | type] | None = type


class Lazy(NamedTuple):
    """Where a command is defined, under its own name, and the line that help has for it."""

    module: str
    line: str

    def load(self, name: str) -> click.Command:
        """Import the command's module."""
        module = import_module(f"{__package__}.{self.module}")
        command = getattr(module, name)
        assert isinstance(command, click.Command), f"{self.module}.{name} is a command"
        return command


class _ReaderGone(Exception):
    """A broken pipe under a name that click does not turn into exit code 1."""


class Root(Group):
    """The program: whatever goes wrong in an expected way is one line and an exit code."""

    group_class = Group

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_common())
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        found = self._lazy.get(cmd_name)
        return found and found.load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The lines of the table, so that help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._lazy[name].line) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)

        def run() -> Any:
            if any(not _is_text(word) for word in words):
                raise click.UsageError("an argument is not UTF-8")
            return super(Root, self).main(
                words, prog_name, complete_var, standalone_mode=False, **extra
            )

        if not standalone_mode:
            return run()
        sys.exit(_guarded(run, told="--json" in words))


def _is_text(word: str) -> bool:
    """Whether a word of the command line was UTF-8: its other bytes come as lone surrogates."""
    return word.isascii() or not any("\ud800" <= char <= "\udfff" for char in word)


def _guarded(run: Callable[[], Any], *, told: bool) -> int:
    """The exit code of ``run``; ``told`` says errors in JSON."""
    try:
        code = run()
        sys.stdout.flush()
    except click.UsageError as error:
        if not told:
            error.show()
        else:
            _tell("USAGE", error.format_message(), told=told)
        return 2
    except click.ClickException as error:
        _tell("ERROR", error.format_message(), told=told)
        return 1
    except (BrokenPipeError, _ReaderGone):
        # Nobody reads any more: the interpreter must not try to flush once again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except (click.Abort, KeyboardInterrupt):
        _tell("INTERRUPTED", "interrupted", told=told)
        return 130
    except Exception as error:
        if not _is_expected(error):
            raise
        code = getattr(error, "error_code", None) or getattr(error, "code", "ERROR")
        _tell(str(code), str(error), getattr(error, "errors", ()), told=told)
        return exit_code(error)
    return code if isinstance(code, int) else 0


def _is_expected(error: Exception) -> bool:
    from ticketpay.adapters.embedded.errors import EmbeddedError
    from ticketpay.domain.kernel.errors import TicketpayError

    return isinstance(error, TicketpayError | EmbeddedError)


def _tell(code: str, detail: str, wrong: Iterable[FieldError] = (), *, told: bool) -> None:
    if told:
        errors = [{"field": one.field, "message": one.message} for one in wrong]
        named = {"errors": errors} if errors else {}
        click.echo(json.dumps({"code": code, "detail": detail, **named}), err=True)
    else:
        more = [f"{one.field}: {one.message}" for one in wrong if one.message not in detail]
        click.echo(f"ticketpay: {code}: {' '.join('; '.join([detail, *more]).split())}", err=True)


def as_json() -> bool:
    """Whether the running command was asked for JSON."""
    return bool(click.get_current_context().meta.get(_JSON))


def settings_for(*needed: str) -> Settings:
    """The settings of this run; raises ``InvalidInput`` when a ``needed`` one is missing."""
    load: Callable[..., Settings] = click.get_current_context().find_root().obj
    return load(*needed)


def amount(cents: int) -> str:
    """``1,234.56``, or ``-1,234.56``."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02d}"


def emit(document: object, lines: Iterable[str]) -> None:
    """Print ``document`` as the one JSON document, or else the lines for people."""
    if as_json():
        click.echo(json.dumps(document, default=str))
        return
    for line in lines:
        click.echo(line)


def judged(document: object, differences: Sequence[str], verdict: str) -> None:
    """Print what a verification found; any difference ends the command with exit code 1.

    For people the verdict on a failure is on stderr, after the differences on stdout.
    """
    emit(document, differences or [verdict])
    if differences:
        if not as_json():
            click.echo(verdict, err=True)
        click.get_current_context().exit(1)


def emit_table(document: object, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print ``document`` as the one JSON document, or else the rows as a table."""
    if as_json():
        emit(document, ())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    plain = bool(click.get_current_context().meta.get(_PLAIN) or os.environ.get("NO_COLOR"))
    console = Console(
        color_system=None if plain else "auto", width=None if sys.stdout.isatty() else _WIDTH
    )
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    with console.capture() as captured:
        console.print(table)
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    click.echo(text, color=not plain)
