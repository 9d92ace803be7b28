"""Every posting that there is, entry by entry: which account is debited and which credited (S20)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs
import pytest

from tests.spec.shapes import by_name
from ticketpay.domain.kernel.ids import (
    DisputeId,
    EventId,
    PaymentId,
    PayoutId,
    RefundId,
    VenueId,
)
from ticketpay.domain.ledger import (
    DisputeBooks,
    Entry,
    PayoutBooks,
    Posting,
    RefundBooks,
    VenueBooks,
    capture_posting,
    plan_posting,
    sale_entries,
    suspense_posting,
)
from ticketpay.domain.money import EUR, Money

NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENT, VENUE, EVENT = PaymentId(UUID(int=1)), VenueId(UUID(int=2)), EventId(UUID(int=3))
PAYOUT: Final = PayoutId(UUID(int=6))
NAMES: Final = {
    str(UUID(int=number)): name
    for number, name in enumerate(("payment", "venue", "event", "refund", "dispute", "payout"), 1)
}
TAKEN: Final = sale_entries(
    venue_id=VENUE,
    event_id=EVENT,
    tax_jurisdiction="TN",
    currency=EUR,
    venue_cents=100,
    fees_cents=20,
    taxes_cents=3,
)
REFUND: Final = RefundBooks(
    payment_id=PAYMENT, refund_id=RefundId(UUID(int=4)), provider_account="acct", taken=TAKEN
)
DISPUTE: Final = DisputeBooks(
    payment_id=PAYMENT, dispute_id=DisputeId(UUID(int=5)), amount=Money(123, EUR)
)
VENUE_BOOKS: Final = VenueBooks(venue_id=VENUE, currency=EUR)
PAYOUT_BOOKS: Final = PayoutBooks(payout_id=PAYOUT, venue_id=VENUE, amount=Money(500, EUR))


def told(text: str) -> str:
    """``text`` with words in place of ids."""
    for ident, name in NAMES.items():
        text = text.replace(ident, name)
    return text


def line(entry: Entry) -> str:
    """Kind, party, subject, bucket, currency and cents of an entry."""
    account = entry.account
    assert isinstance(account.subject, str)
    named = f"{account.kind} {account.party} {account.subject or '-'} {account.bucket}"
    return told(f"{named} {account.currency} {entry.cents:+}")


@pytest.mark.spec("S20", "S20 D2")
@pytest.mark.parametrize(
    ("made", "key", "lines"),
    [
        (
            lambda: capture_posting(
                payment_id=PAYMENT,
                provider_account="acct",
                total=Money(123, EUR),
                fees_cents=20,
                taxes_cents=3,
                venue_id=VENUE,
                event_id=EVENT,
                tax_jurisdiction="TN",
                posted_at=NOW,
            ),
            "capture:payment",
            [
                "provider acct - available EUR +123",
                "venue_payable venue event pending EUR -100",
                "platform_revenue platform - available EUR -20",
                "tax_payable TN - available EUR -3",
            ],
        ),
        (
            lambda: suspense_posting(
                payment_id=PAYMENT, provider_account="acct", amount=Money(123, EUR), posted_at=NOW
            ),
            "late_success:payment",
            [
                "provider acct - available EUR +123",
                "suspense platform payment available EUR -123",
            ],
        ),
        (
            lambda: REFUND.begun(NOW),
            "refund:payment:refund",
            [
                "venue_payable venue event pending EUR +100",
                "platform_revenue platform - available EUR +20",
                "tax_payable TN - available EUR +3",
                "refund_clearing acct payment available EUR -123",
            ],
        ),
        (
            lambda: REFUND.settled(NOW),
            "refund_settled:payment:refund",
            [
                "refund_clearing acct payment available EUR +123",
                "provider acct - available EUR -123",
            ],
        ),
        (
            lambda: REFUND.failed(NOW),
            "refund_failed:payment:refund",
            [
                "refund_clearing acct payment available EUR +123",
                "venue_payable venue event pending EUR -100",
                "platform_revenue platform - available EUR -20",
                "tax_payable TN - available EUR -3",
            ],
        ),
        (
            lambda: REFUND.returned(NOW),
            "refund_returned:payment:refund",
            [
                "provider acct - available EUR +123",
                "venue_payable venue event pending EUR -100",
                "platform_revenue platform - available EUR -20",
                "tax_payable TN - available EUR -3",
            ],
        ),
        (
            lambda: DISPUTE.withdrawn("acct", NOW),
            "dispute_withdrawn:payment:dispute",
            [
                "dispute_suspense platform payment available EUR +123",
                "provider acct - available EUR -123",
            ],
        ),
        (
            lambda: DISPUTE.won("now", NOW),
            "dispute_won:payment:dispute",
            [
                "dispute_suspense platform payment available EUR -123",
                "provider now - available EUR +123",
            ],
        ),
        (
            lambda: DISPUTE.lost(TAKEN, NOW),
            "dispute_lost:payment:dispute",
            [
                "dispute_suspense platform payment available EUR -123",
                "venue_payable venue event pending EUR +100",
                "platform_revenue platform - available EUR +20",
                "tax_payable TN - available EUR +3",
            ],
        ),
        (
            lambda: DISPUTE.fee(15, NOW),
            "dispute_fee:payment:dispute",
            [
                "processor_fees platform - available EUR +15",
                "provider_fees platform - available EUR -15",
            ],
        ),
        (
            lambda: VENUE_BOOKS.released(EVENT, 7, 1, NOW),
            "release:venue:EUR:1",
            [
                "venue_payable venue event pending EUR +7",
                "venue_payable venue - available EUR -7",
            ],
        ),
        (
            lambda: VENUE_BOOKS.recovered(7, 2, NOW),
            "recovery:venue:EUR:2",
            [
                "venue_payable venue - reserved EUR +7",
                "venue_payable venue - available EUR -7",
            ],
        ),
        (
            lambda: VENUE_BOOKS.given_back(7, 3, NOW),
            "reserve_release:venue:EUR:3",
            [
                "venue_payable venue - reserved EUR +7",
                "venue_payable venue - available EUR -7",
            ],
        ),
        (
            lambda: VENUE_BOOKS.reserved(7, PAYOUT, NOW),
            "payout_reserve:payout",
            [
                "venue_payable venue - available EUR +7",
                "venue_payable venue - reserved EUR -7",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.requested(NOW),
            "payout:payout",
            [
                "venue_payable venue - available EUR +500",
                "venue_payable venue - in_transit EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.cancelled(NOW),
            "payout_cancelled:payout",
            [
                "venue_payable venue - in_transit EUR +500",
                "venue_payable venue - available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.processed(NOW),
            "payout_processed:payout",
            [
                "payout_out platform payout available EUR +500",
                "payout_clearing platform payout available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.sent(NOW),
            "payout_sent:payout",
            [
                "payout_clearing platform payout available EUR +500",
                "provider platform - available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.paid(NOW),
            "payout_paid:payout",
            [
                "venue_payable venue - in_transit EUR +500",
                "payout_out platform payout available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.failed(NOW, sent=False),
            "payout_failed:payout",
            [
                "payout_clearing platform payout available EUR +500",
                "payout_out platform payout available EUR -500",
                "venue_payable venue - in_transit EUR +500",
                "venue_payable venue - available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.failed(NOW, sent=True),
            "payout_failed:payout",
            [
                "provider platform - available EUR +500",
                "venue_payable venue - available EUR -500",
                "venue_payable venue - in_transit EUR +500",
                "payout_out platform payout available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.failed(NOW, sent=True, lost_cents=5),
            "payout_failed:payout",
            [
                "provider platform - available EUR +495",
                "venue_payable venue - available EUR -495",
                "venue_payable venue - in_transit EUR +500",
                "payout_out platform payout available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.returned(NOW),
            "payout_returned:payout",
            [
                "provider platform - available EUR +500",
                "venue_payable venue - available EUR -500",
            ],
        ),
        (
            lambda: PAYOUT_BOOKS.returned(NOW, lost_cents=5),
            "payout_returned:payout",
            [
                "provider platform - available EUR +495",
                "venue_payable venue - available EUR -495",
            ],
        ),
        (
            lambda: plan_posting(
                invoice_id="in_1", plan_id="pro", amount=Money(49_900, EUR), posted_at=NOW
            ),
            "plan:in_1",
            [
                "provider platform - available EUR +49900",
                "platform_revenue platform pro available EUR -49900",
            ],
        ),
    ],
)
def test_what_a_posting_moves(made: Callable[[], Posting], key: str, lines: list[str]) -> None:
    """Its business key, and each of its entries, debits positive."""
    posting = made()
    assert (told(posting.key), posting.posted_at) == (key, NOW)
    assert [line(entry) for entry in posting.entries] == lines


@pytest.mark.spec("S20")
def test_the_platforms_own_account_has_its_name() -> None:
    """Money that was charged on no connected account is the platform's at the provider."""
    own = suspense_posting(
        payment_id=PAYMENT, provider_account="", amount=Money(1, EUR), posted_at=NOW
    )
    assert line(own.entries[0]) == "provider platform - available EUR +1"


@pytest.mark.spec("S20", "S27")
def test_shares_that_are_decided_anew() -> None:
    """What each bears less or more than before, debits positive; who bears the same is left out."""
    before, after = (
        sale_entries(
            venue_id=VENUE,
            event_id=EVENT,
            tax_jurisdiction="TN",
            currency=EUR,
            venue_cents=venue,
            fees_cents=fees,
            taxes_cents=3,
        )
        for venue, fees in ((100, 20), (113, 7))
    )
    anew = REFUND.divided("failed", before, after, NOW)
    assert anew is not None
    assert told(anew.key) == "divided_failed:payment:refund"
    assert [line(entry) for entry in anew.entries] == [
        "venue_payable venue event pending EUR +13",
        "platform_revenue platform - available EUR -13",
    ]
    assert anew.currency is EUR


@pytest.mark.spec("S22")
def test_a_provider_keeps_its_price_and_not_the_payout() -> None:
    """All but a cent may be kept; not all of it, and not less than nothing."""
    assert PAYOUT_BOOKS.returned(NOW, lost_cents=499).entries[0].cents == 1
    for lost in (500, -1):
        with pytest.raises(AssertionError, match="keeps its price"):
            PAYOUT_BOOKS.returned(NOW, lost_cents=lost)


@pytest.mark.spec("S20")
@pytest.mark.parametrize("books", [DisputeBooks, PayoutBooks, RefundBooks, VenueBooks])
def test_books_are_opened_by_name(books: type[attrs.AttrsInstance]) -> None:
    """No two ids can be swapped."""
    assert by_name(books)
