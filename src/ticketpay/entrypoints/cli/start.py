"""The console script: says what to install when only the library is there."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; one line and exit 1 without its packages."""
    try:
        from ticketpay.entrypoints.cli.main import main as run
    except ModuleNotFoundError as missing:
        sys.exit(
            f"ticketpay: the command line needs {missing.name}:"
            " pip install '.[server,embedded]' in a clone"
        )
    run()
