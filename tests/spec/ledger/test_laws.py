"""What is always true of postings (S20)."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.kernel.ids import DisputeId, EventId, PaymentId, RefundId, VenueId
from ticketpay.domain.ledger import (
    DISPUTE_FACTS,
    REFUND_FACTS,
    Account,
    AccountKind,
    Balance,
    Booked,
    Bucket,
    DisputeBooks,
    Entry,
    LedgerReport,
    Posting,
    PostingUnbalanced,
    ProviderTotal,
    RefundBooks,
    capture_posting,
    posting_keys,
    sale_entries,
    suspense_entries,
    suspense_posting,
    verify_ledger,
)
from ticketpay.domain.money import EUR, USD, Currency, Money

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENT = PaymentId(UUID(int=1))
REFUND = RefundId(UUID(int=9))
DISPUTE = DisputeId(UUID(int=11))
CENTS = st.integers(0, 10**9)
ACCOUNTS = st.builds(
    Account,
    kind=st.sampled_from(AccountKind),
    party=st.sampled_from(["platform", "a", "b"]),
    subject=st.sampled_from(["", "x"]),
    currency=st.sampled_from(Currency),
    bucket=st.sampled_from(Bucket),
)


def _capture(tickets: int, fees: int, taxes: int, *, account: str = "") -> Posting:
    return capture_posting(
        payment_id=PAYMENT,
        venue_id=VenueId(UUID(int=2)),
        event_id=EventId(UUID(int=3)),
        provider_account=account,
        tax_jurisdiction="TN",
        total=Money(tickets + fees + taxes, USD),
        fees_cents=fees,
        taxes_cents=taxes,
        posted_at=NOW,
    )


def _refund(taken: tuple[Entry, ...], *, account: str = "") -> RefundBooks:
    return RefundBooks(payment_id=PAYMENT, refund_id=REFUND, provider_account=account, taken=taken)


def _sale_refund(venue: int, fees: int, taxes: int) -> RefundBooks:
    return _refund(
        sale_entries(
            venue_id=VenueId(UUID(int=2)),
            event_id=EventId(UUID(int=3)),
            tax_jurisdiction="TN",
            currency=USD,
            venue_cents=venue,
            fees_cents=fees,
            taxes_cents=taxes,
        )
    )


def _left(*postings: Posting) -> dict[AccountKind, int]:
    return {b.account.kind: b.cents for b in _balances(*postings) if b.cents}


def _by_kind(posting: Posting) -> dict[AccountKind, int]:
    return {entry.account.kind: entry.cents for entry in posting.entries}


def _balances(*postings: Posting) -> list[Balance]:
    sums: dict[Account, int] = {}
    for posting in postings:
        for entry in posting.entries:
            sums[entry.account] = sums.get(entry.account, 0) + entry.cents
    return [Balance(account=account, cents=cents) for account, cents in sums.items()]


@pytest.mark.spec("S20", "S17")
@given(CENTS, CENTS, CENTS)
def test_a_capture_balances(tickets: int, fees: int, taxes: int) -> None:
    """A sale of any size books its total at the provider and exactly that to venue, house and tax."""
    if not tickets + fees + taxes:
        return
    booked = _by_kind(_capture(tickets, fees, taxes))

    assert sum(booked.values()) == 0
    assert booked[AccountKind.PROVIDER] == tickets + fees + taxes
    assert booked.get(AccountKind.VENUE_PAYABLE, 0) == -tickets
    assert booked.get(AccountKind.PLATFORM_REVENUE, 0) == -fees
    assert booked.get(AccountKind.TAX_PAYABLE, 0) == -taxes


@pytest.mark.spec("S20")
def test_a_capture_waits_for_the_event() -> None:
    """The venue's share of a sale is pending, under its event, until the event is over."""
    venue = next(
        e.account
        for e in _capture(10_000, 920, 1_025).entries
        if e.account.kind is AccountKind.VENUE_PAYABLE
    )

    assert venue.bucket is Bucket.PENDING
    assert venue.subject == str(UUID(int=3))


@pytest.mark.spec("S20", "S30")
@given(st.integers(1, 10**9), st.sampled_from(["", "acct_1"]))
def test_suspense_is_emptied(cents: int, account: str) -> None:
    """A late success leaves every account at zero once its refund is settled."""
    amount = Money(cents, EUR)
    into = suspense_posting(
        payment_id=PAYMENT, provider_account=account, amount=amount, posted_at=NOW
    )
    taken = suspense_entries(payment_id=PAYMENT, amount=amount)
    books = _refund(taken, account=account)

    assert _by_kind(into) == {AccountKind.PROVIDER: cents, AccountKind.SUSPENSE: -cents}
    assert _left(into, books.begun(NOW)) == {
        AccountKind.PROVIDER: cents,
        AccountKind.REFUND_CLEARING: -cents,
    }
    assert _left(into, books.begun(NOW), books.settled(NOW)) == {}


@pytest.mark.spec("S20", "S24")
@given(CENTS, CENTS, CENTS, st.sampled_from(["", "acct_1"]))
def test_a_refund_that_fails_leaves_the_sale_as_it_was(
    tickets: int, fees: int, taxes: int, account: str
) -> None:
    """Whether it fails before the money is sent or after, everybody has what they had before."""
    if not tickets + fees + taxes:
        return
    sale, books = (
        _capture(tickets, fees, taxes, account=account),
        _sale_refund(tickets, fees, taxes),
    )
    books = attrs.evolve(books, provider_account=account)
    before = _left(sale)

    assert _left(sale, books.begun(NOW), books.settled(NOW)) == {}
    assert _left(sale, books.begun(NOW), books.failed(NOW)) == before
    assert _left(sale, books.begun(NOW), books.settled(NOW), books.returned(NOW)) == before


@pytest.mark.spec("S20", "S17")
def test_business_keys_are_unique() -> None:
    """Each recipe names its fact and its payment, so that no fact is booked twice."""
    keys = [
        _capture(1, 0, 0).key,
        suspense_posting(
            payment_id=PAYMENT, provider_account="", amount=Money(1), posted_at=NOW
        ).key,
    ]
    books = _sale_refund(1, 0, 0)
    steps = [books.begun(NOW), books.settled(NOW), books.failed(NOW), books.returned(NOW)]
    one, other = (Entry(_account(party=name), 1) for name in ("a", "b"))
    assert books.divided("begun", [one, other], [other, one], NOW) is None
    for what in ("begun", "completed", "failed"):
        anew = books.divided(what, [one], [other], NOW)
        assert anew is not None
        steps.append(anew)

    assert keys == [f"{fact}:{PAYMENT}" for fact in ("capture", "late_success")]
    assert [s.key for s in steps] == [f"{fact}:{PAYMENT}:{REFUND}" for fact in REFUND_FACTS]
    assert posting_keys(PAYMENT, [REFUND]) == (*keys, *(step.key for step in steps))
    assert {step.posted_at for step in steps} == {NOW}


@pytest.mark.spec("S27")
@given(st.integers(1, 10**9), CENTS, st.sampled_from(["", "acct_1"]))
def test_a_dispute_is_in_suspense_until_it_is_decided(cents: int, fee: int, account: str) -> None:
    """Won, everything is as it was; lost, the debits of the sale have paid; the fee is apart."""
    books = DisputeBooks(payment_id=PAYMENT, dispute_id=DISPUTE, amount=Money(cents))
    taken = suspense_entries(payment_id=PAYMENT, amount=Money(cents))
    withdrawn = books.withdrawn(account, NOW)
    assert _left(withdrawn) == {
        AccountKind.PROVIDER: -cents,
        AccountKind.DISPUTE_SUSPENSE: cents,
    }
    assert _left(withdrawn, books.won(account, NOW)) == {}
    assert _left(withdrawn, books.lost(taken, NOW)) == {
        AccountKind.PROVIDER: -cents,
        AccountKind.SUSPENSE: cents,
    }
    if fee:
        assert _left(books.fee(fee, NOW)) == {
            AccountKind.PROCESSOR_FEES: fee,
            AccountKind.PROVIDER_FEES: -fee,
        }
    steps = (withdrawn, books.won(account, NOW), books.lost(taken, NOW), books.fee(1, NOW))
    keys = tuple(f"{fact}:{PAYMENT}:{DISPUTE}" for fact in DISPUTE_FACTS)
    assert tuple(step.key for step in steps) == keys
    assert posting_keys(PAYMENT, [], [DISPUTE])[2:] == keys


def _account(currency: Currency = USD, party: str = "platform") -> Account:
    return Account(kind=AccountKind.PROVIDER, party=party, currency=currency)


@pytest.mark.spec("S20")
@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry(_account(), 0),),
        (Entry(_account(), 1),),
        (Entry(_account(), 0), Entry(_account(party="a"), 0)),
        (Entry(_account(), 2), Entry(_account(party="a"), -1)),
        (Entry(_account(), 1), Entry(_account(EUR), -2)),
    ],
    ids=["empty", "zero", "alone", "zeros", "unequal", "currencies"],
)
def test_an_unbalanced_posting_is_refused(entries: tuple[Entry, ...]) -> None:
    """A posting that does not sum to zero, or moves nothing, cannot be built."""
    with pytest.raises(PostingUnbalanced):
        Posting(key="wrong", entries=entries, posted_at=NOW)


@pytest.mark.spec("S20")
@given(ACCOUNTS, ACCOUNTS)
def test_accounts_are_their_dimensions(one: Account, two: Account) -> None:
    """Two accounts have the same id exactly when they have the same dimensions."""
    assert (one.id == two.id) is (one == two)


SOLD = _capture(10_000, 920, 1_025)
LATE = suspense_posting(
    payment_id=PaymentId(UUID(int=7)), provider_account="", amount=Money(500), posted_at=NOW
)


def _verified(
    *, planted_in_ledger: int = 0, planted_at_provider: int = 0, extra: tuple[Balance, ...] = ()
) -> LedgerReport:
    late = str(UUID(int=7))
    return verify_ledger(
        [*_balances(SOLD, LATE), *extra],
        {str(PAYMENT): Booked(11_945 + planted_in_ledger), late: Booked(500)},
        [
            ProviderTotal(
                payment_id=str(PAYMENT),
                account="",
                currency="USD",
                cents=11_945 + planted_at_provider,
            ),
            ProviderTotal(payment_id=late, account="", currency="USD", cents=500),
        ],
    )


@pytest.mark.spec("S20")
def test_verification_adds_up() -> None:
    """Money at the provider equals what is owed plus what was earned, and nothing differs."""
    report = _verified()

    assert report.ok
    assert report.provider_cents == {"USD": 12_445}
    assert report.owed_cents == {"USD": 11_525}
    assert report.earned_cents == {"USD": 920}


@pytest.mark.spec("S20")
@pytest.mark.parametrize("cent", [1, -1])
def test_verification_finds_a_cent_at_the_provider(cent: int) -> None:
    """One cent too much or too little at the provider is found, by account and by payment."""
    report = _verified(planted_at_provider=cent)

    assert not report.ok
    assert [line.split()[0] for line in report.differences] == ["provider", "payment"]


@pytest.mark.spec("S20")
@pytest.mark.parametrize("cent", [1, -1])
def test_verification_finds_a_cent_in_the_books(cent: int) -> None:
    """One cent too much or too little in the books is found, by payment and by balance."""
    extra = (Balance(account=_account(), cents=cent),)

    assert not _verified(planted_in_ledger=cent).ok
    assert any("debits minus credits" in line for line in _verified(extra=extra).differences)


@pytest.mark.spec("S20")
def test_verification_finds_a_cent_in_rounding() -> None:
    """Nothing rests in rounding, even where the books balance."""
    rounding = Account(kind=AccountKind.ROUNDING, party="platform", currency=USD)
    revenue = Account(kind=AccountKind.PLATFORM_REVENUE, party="platform", currency=USD)
    report = _verified(
        extra=(Balance(account=rounding, cents=1), Balance(account=revenue, cents=-1))
    )

    assert report.differences == ("rounding holds 1 cents in USD, not 0",)


@pytest.mark.spec("S20")
def test_verification_finds_what_one_side_lacks() -> None:
    """A payment that only one side knows is a difference of its whole amount."""
    unknown = verify_ledger(
        [], {}, [ProviderTotal(payment_id="p", account="acct", currency="USD", cents=5)]
    )
    unbacked = verify_ledger([], {"p": Booked(5)}, [])

    assert "payment p holds 5 cents at the provider, the ledger says 0" in unknown.differences
    assert unbacked.differences == ("payment p holds 0 cents at the provider, the ledger says 5",)


@pytest.mark.spec("S20", "S24")
@given(st.integers(1, 1_000), st.integers(0, 1_000), st.integers(-2, 1_002))
def test_a_refund_on_its_way_is_no_difference(cents: int, sent: int, there: int) -> None:
    """While a refund is in clearing the provider may hold its money or not; never more, never less."""
    sale = _capture(1_000, 0, 0)
    books = _sale_refund(cents, 0, 0)
    total = ProviderTotal(payment_id=str(PAYMENT), account="", currency="USD", cents=there)
    report = verify_ledger(
        _balances(sale, books.begun(NOW)), {str(PAYMENT): Booked(1_000, cents)}, [total]
    )

    assert report.ok is (1_000 - cents <= there <= 1_000)
    assert report.owed_cents == {"USD": 1_000}
    assert Booked(1_000, cents).agrees(1_000 - min(sent, cents))


@pytest.mark.spec("S20")
def test_a_difference_says_what_is_in_clearing() -> None:
    """What is on its way is named beside what the ledger says."""
    report = verify_ledger([], {"p": Booked(5, 2)}, [])

    assert report.differences == (
        "payment p holds 0 cents at the provider, the ledger says 5, 2 of it in clearing",
    )
