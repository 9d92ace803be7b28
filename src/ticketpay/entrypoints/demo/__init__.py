"""The demonstration: buyers of every kind, on embedded servers, and the books afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["CATALOG"]

CATALOG: Final = Path(__file__).with_name("catalog.json")
"""The example catalogue, the same as ``examples/catalog.json``."""
