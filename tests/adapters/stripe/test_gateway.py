"""What Stripe's gateway adds to the contract of ``PaymentGateway``: how its answers are dated."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.providers import Script, said
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.payments import ProviderRef

REF = ProviderRef("stripe", "", livemode=False, object_id="pi_1")
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1_234,
    "currency": "usd",
    "status": "succeeded",
}


@pytest.mark.spec("S38")
def test_the_providers_date_wins_over_our_clock() -> None:
    """An answer is dated by its Date header, else by our clock, in whole seconds."""
    now = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC)
    script = Script([said(INTENT, headers={"date": "Tue, 15 Nov 1994 08:12:31 GMT"}), said(INTENT)])
    gateway = StripeGateway.create("sk_test_1", transport=script.answer, now=lambda: now)
    assert gateway.retrieve(REF).occurred_at == datetime(1994, 11, 15, 8, 12, 31, tzinfo=UTC)
    assert gateway.retrieve(REF).occurred_at == now.replace(microsecond=0)
