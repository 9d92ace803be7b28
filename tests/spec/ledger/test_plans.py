"""What a venue pays for its plan, in the books."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ticketpay.domain.ledger import AccountKind, Bucket, plan_posting
from ticketpay.domain.money import USD, Money

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.spec("S19", "S20")
def test_a_paid_period_is_the_houses() -> None:
    """At the provider and earned under the plan's name, gross, under the invoice's key."""
    amount = Money(49_900, USD)
    posting = plan_posting(invoice_id="in_1", plan_id="pro", amount=amount, posted_at=NOW)
    there, earned = posting.entries
    assert (posting.key, posting.posted_at) == ("plan:in_1", NOW)
    assert (there.account.kind, there.account.subject, there.cents) == (
        AccountKind.PROVIDER,
        "",
        49_900,
    )
    assert (earned.account.kind, earned.account.subject, earned.cents) == (
        AccountKind.PLATFORM_REVENUE,
        "pro",
        -49_900,
    )
    for account in (there.account, earned.account):
        assert (account.party, account.currency, account.bucket) == (
            "platform",
            USD,
            Bucket.AVAILABLE,
        )
