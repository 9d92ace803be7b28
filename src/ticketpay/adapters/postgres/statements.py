"""Loads the named statements of the ``.sql`` files, once, as the only SQL there is."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final, LiteralString, cast

__all__ = ["load"]

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(context: str) -> dict[str, LiteralString]:
    """The statements of ``sql/<context>.sql`` by name."""
    text = files("ticketpay.adapters.postgres.sql").joinpath(f"{context}.sql").read_text()
    parts = _NAME.split(text)
    # The text ships with the package and is never composed with data.
    return {
        name: cast("LiteralString", body.strip())
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
