"""The words, ids and shapes of the ledger that others rely on."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import attrs
import pytest

from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.kernel.ids import EventId, PaymentId, RefundId, VenueId
from ticketpay.domain.ledger import (
    PLATFORM,
    Account,
    AccountKind,
    Balance,
    Booked,
    Bucket,
    Entry,
    LedgerError,
    LedgerReport,
    Posting,
    PostingMixed,
    PostingUnbalanced,
    ProviderTotal,
    RefundBooks,
    capture_posting,
    suspense_entries,
    suspense_posting,
    verify_ledger,
)
from ticketpay.domain.money import CAD, EUR, USD, Currency, Money

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENT = PaymentId(UUID(int=1))


def account(kind: AccountKind, currency: Currency = USD, party: str = PLATFORM) -> Account:
    return Account(kind=kind, party=party, currency=currency)


@pytest.mark.spec("S20")
def test_the_words_of_accounts() -> None:
    """Each kind of account and each bucket is stored under its word."""
    kinds = (
        "provider venue_payable platform_revenue tax_payable suspense refund_clearing payout_out payout_clearing"
        " dispute_suspense processor_fees provider_fees rounding"
    )

    assert words(AccountKind) == kinds
    assert words(Bucket) == "pending available reserved in_transit receivable"
    assert PLATFORM == "platform"


@pytest.mark.spec("S20")
def test_codes() -> None:
    """Each refusal of the ledger has the code that clients rely on."""
    errors: list[type[TicketpayError]] = [LedgerError, PostingUnbalanced]

    assert [error().error_code for error in errors] == ["LEDGER_ERROR", "POSTING_UNBALANCED"]


@pytest.mark.spec("S20")
@pytest.mark.parametrize("value", [Account, Posting, Balance, ProviderTotal, LedgerReport])
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the values of the ledger no two fields can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S20")
def test_an_account_id_is_the_same_everywhere() -> None:
    """An account without subject or bucket is the available one, under an id that never changes."""
    plain = account(AccountKind.PROVIDER)

    assert (plain.subject, plain.bucket) == ("", Bucket.AVAILABLE)
    assert plain.id == UUID("649c2de7-de86-cae3-3ee7-8d365963fe9e")


@pytest.mark.spec("S20", "S17")
def test_a_capture_names_its_accounts() -> None:
    """A sale touches the provider's account, the venue's event, the house and the taxman."""
    posting = capture_posting(
        payment_id=PAYMENT,
        venue_id=VenueId(UUID(int=2)),
        event_id=EventId(UUID(int=3)),
        provider_account="acct_1",
        tax_jurisdiction="TN",
        total=Money(111, CAD),
        fees_cents=10,
        taxes_cents=1,
        posted_at=NOW,
    )
    venue = Account(
        kind=AccountKind.VENUE_PAYABLE,
        party=str(UUID(int=2)),
        subject=str(UUID(int=3)),
        currency=CAD,
        bucket=Bucket.PENDING,
    )

    assert posting.posted_at == NOW
    assert posting.entries == (
        Entry(account(AccountKind.PROVIDER, CAD, "acct_1"), 111),
        Entry(venue, -100),
        Entry(account(AccountKind.PLATFORM_REVENUE, CAD), -10),
        Entry(account(AccountKind.TAX_PAYABLE, CAD, "TN"), -1),
    )


@pytest.mark.spec("S20", "S30")
@pytest.mark.parametrize("provider_account", ["", "acct_1"])
def test_suspense_belongs_to_its_payment(provider_account: str) -> None:
    """A late success rests at the platform under its payment, and its refund takes it from there."""
    held = Account(kind=AccountKind.SUSPENSE, party=PLATFORM, subject=str(PAYMENT), currency=EUR)
    there = account(AccountKind.PROVIDER, EUR, provider_account or PLATFORM)
    clearing = attrs.evolve(there, kind=AccountKind.REFUND_CLEARING, subject=str(PAYMENT))
    amount = Money(5, EUR)
    into = suspense_posting(
        payment_id=PAYMENT, provider_account=provider_account, amount=amount, posted_at=NOW
    )
    books = RefundBooks(
        payment_id=PAYMENT,
        refund_id=RefundId(UUID(int=4)),
        provider_account=provider_account,
        taken=suspense_entries(payment_id=PAYMENT, amount=amount),
    )

    assert into.entries == (Entry(there, 5), Entry(held, -5))
    assert into.posted_at == NOW
    assert books.begun(NOW).entries == (Entry(held, 5), Entry(clearing, -5))
    assert books.settled(NOW).entries == (Entry(clearing, 5), Entry(there, -5))
    assert books.failed(NOW).entries == (Entry(clearing, 5), Entry(held, -5))
    assert books.returned(NOW).entries == (Entry(there, 5), Entry(held, -5))


@pytest.mark.spec("S20")
def test_one_currency_cannot_balance_another() -> None:
    """A posting has one currency: not even two that balance, each by itself, may share it."""
    a, b = account(AccountKind.PROVIDER), account(AccountKind.SUSPENSE)
    c, d = account(AccountKind.PROVIDER, EUR), account(AccountKind.SUSPENSE, EUR)
    entries = (Entry(a, 3), Entry(b, -1), Entry(b, -2), Entry(c, 5), Entry(d, -5))

    for alone in (entries[:3], entries[3:]):
        assert Posting(key="fine", entries=alone, posted_at=NOW).entries == alone
    for mixed in (entries, (Entry(a, 1), Entry(d, -1))):
        with pytest.raises(PostingMixed) as refused:
            Posting(key="wrong", entries=mixed, posted_at=NOW)
        assert refused.value.error_code == "POSTING_MIXED"
    with pytest.raises(PostingUnbalanced):
        Posting(key="wrong", entries=(*entries[:3], Entry(c, 5), Entry(d, -4)), posted_at=NOW)


@pytest.mark.spec("S20")
def test_verification_sums_per_currency() -> None:
    """Several accounts and payments of two currencies are summed apart, and owed money adds up."""
    report = verify_ledger(
        [
            Balance(account=account(AccountKind.PROVIDER, party="a"), cents=70),
            Balance(account=account(AccountKind.PROVIDER, party="b"), cents=30),
            Balance(account=account(AccountKind.PROVIDER, EUR), cents=9),
            Balance(account=account(AccountKind.VENUE_PAYABLE), cents=-60),
            Balance(account=account(AccountKind.VENUE_PAYABLE, party="v"), cents=-10),
            Balance(account=account(AccountKind.TAX_PAYABLE), cents=-8),
            Balance(account=account(AccountKind.SUSPENSE, EUR), cents=-9),
            Balance(account=account(AccountKind.PLATFORM_REVENUE), cents=-22),
        ],
        {"p": Booked(70), "q": Booked(30), "r": Booked(9)},
        [
            ProviderTotal(payment_id="p", account="a", currency="USD", cents=50),
            ProviderTotal(payment_id="p", account="a", currency="USD", cents=20),
            ProviderTotal(payment_id="q", account="b", currency="USD", cents=30),
            ProviderTotal(payment_id="r", account="", currency="EUR", cents=9),
        ],
    )

    assert report.differences == ()
    assert report.provider_cents == {"USD": 100, "EUR": 9}
    assert report.owed_cents == {"USD": 78, "EUR": 9}
    assert report.earned_cents == {"USD": 22}


@pytest.mark.spec("S20")
def test_differences_name_account_and_amounts() -> None:
    """A difference names the account or payment, its currency, and both amounts, in order."""
    report = verify_ledger(
        [
            Balance(account=account(AccountKind.PROVIDER, party="b"), cents=3),
            Balance(account=account(AccountKind.PROVIDER, EUR, "b"), cents=0),
            Balance(account=account(AccountKind.VENUE_PAYABLE), cents=-2),
        ],
        {"q": Booked(3), "r": Booked()},
        [ProviderTotal(payment_id="p", account="a", currency="USD", cents=4)],
    )

    assert report.differences == (
        "debits minus credits are 1 cents in USD, not 0",
        "provider account a holds 4 USD cents, the ledger says 0",
        "provider account b holds 0 USD cents, the ledger says 3",
        "payment p holds 4 cents at the provider, the ledger says 0",
        "payment q holds 0 cents at the provider, the ledger says 3",
    )


@pytest.mark.spec("S20")
@pytest.mark.parametrize("cents", [0, 1])
def test_nothing_on_one_side_is_no_difference(cents: int) -> None:
    """A payment that the books lack differs from one cent on; one that holds nothing does not."""
    total = ProviderTotal(payment_id="p", account="a", currency="USD", cents=cents)

    assert len(verify_ledger([], {}, [total]).differences) == (2 if cents else 0)


@pytest.mark.spec("S20")
def test_an_account_at_the_provider_is_all_its_buckets() -> None:
    """What the provider holds is compared with the sum over the buckets of its account."""
    pending = attrs.evolve(account(AccountKind.PROVIDER, party="a"), bucket=Bucket.PENDING)
    available = attrs.evolve(pending, bucket=Bucket.AVAILABLE)
    held = [Balance(account=a, cents=c) for a, c in ((pending, 3), (available, 4))]
    venue = Balance(account=account(AccountKind.VENUE_PAYABLE), cents=-7)
    total = ProviderTotal(payment_id="p", account="a", currency="USD", cents=7)

    assert verify_ledger([*held, venue], {"p": Booked(7)}, [total]).ok
