"""Servers of our own, from installed wheels: no settings, no containers, gone when we are."""

from __future__ import annotations

__all__: list[str] = []
