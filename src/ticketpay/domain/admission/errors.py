"""Refusals before anything has happened: repeat the same request later, with the same key."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Unavailable

__all__ = ["PurchaseInProgress", "RateLimited"]


class RateLimited(Unavailable):
    """The subject has used up its limit; nothing happened (S10)."""

    code = "RATE_LIMITED"
    title = "Too many requests"


class PurchaseInProgress(Conflict):
    """Another purchase of the same buyer is under way; no key was claimed (S16)."""

    code = "PURCHASE_IN_PROGRESS"
    title = "Another purchase is under way"
    retry_after_seconds = 1
