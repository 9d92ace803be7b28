"""Admission: how many requests a subject may make, and one purchase of a buyer at a time (S10, S16).

Vocabulary: a *limit* is a burst and the interval in which one more request is earned; a *subject* is
who is counted (an address, a user); a *decision* is the answer to one request; a *turn* is the
right of one purchase to be under way. Nothing here is the truth of a sale: that is the database's.
"""

from __future__ import annotations

from ticketpay.domain.admission.errors import PurchaseInProgress, RateLimited
from ticketpay.domain.admission.model import SUBJECT_LENGTH_MAX, Decision, Limit, Turn
from ticketpay.domain.admission.policy import admit, decide

__all__ = [
    "SUBJECT_LENGTH_MAX",
    "Decision",
    "Limit",
    "PurchaseInProgress",
    "RateLimited",
    "Turn",
    "admit",
    "decide",
]
