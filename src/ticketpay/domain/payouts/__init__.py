"""Payouts: what becomes of a venue's money on its way to the bank (S21).

States: requested, processing, then paid or failed; a paid one may still fail, when the bank sends
it back.
"""

from __future__ import annotations

from ticketpay.domain.payouts.states import PAYOUT_MACHINE, PayoutEvent, PayoutState

__all__ = ["PAYOUT_MACHINE", "PayoutEvent", "PayoutState"]
