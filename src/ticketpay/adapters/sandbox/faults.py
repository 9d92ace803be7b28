"""A fault is a failure asked for by a test card or by `metadata[sandbox_fault]`.

A name without prefix strikes the confirmation (or the refund); `create:`, `confirm:`, `update:`,
`cancel:`, `capture:` and `refund:` name another operation. Several are separated by commas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ticketpay.adapters.sandbox.cards import FAULTS, PROCESSING, PROCESSING_FAILS, Fate

__all__ = ["SLOW_SECONDS", "asked_fate", "asked_fault"]

SLOW_SECONDS: Final = 3.0

_FATES: Final = {"processing": PROCESSING, "processing_fails": PROCESSING_FAILS}


def _asked(metadata: Mapping[str, str]) -> list[str]:
    text = metadata.get("sandbox_fault")
    return text.replace(" ", "").split(",") if text else []


def asked_fault(operation: str, metadata: Mapping[str, str], *, default: bool) -> str | None:
    """The fault that metadata asks for in an operation; `default`: unprefixed names count."""
    for word in _asked(metadata):
        where, colon, name = word.rpartition(":")
        if name in FAULTS and (where == operation if colon else default):
            return name
    return None


def asked_fate(metadata: Mapping[str, str]) -> Fate | None:
    """The fate (`processing`, `processing_fails`) that metadata asks for, if any."""
    for word in _asked(metadata):
        if word in _FATES:
            return _FATES[word]
    return None
