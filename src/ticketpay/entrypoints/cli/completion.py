"""``ticketpay completion``: the script that completes commands and options in a shell."""

from __future__ import annotations

import click

from ticketpay.entrypoints.cli.shell import Command, emit

__all__ = ["completion"]


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL: put it where your shell reads its settings."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None, "click knows the three shells"
    root = click.get_current_context().find_root().command
    script = found(root, {}, "ticketpay", "_TICKETPAY_COMPLETE").source()
    emit({"shell": shell, "script": script}, [script])
