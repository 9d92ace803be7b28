"""Refunds by example: figures, refusals, words."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from tests.spec.pricing.offers import NOW
from tests.spec.refunds.sales import REF, paid, refund, sold
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    Rejected,
    TicketpayError,
)
from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.money import Money
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.pricing import ChargeKind
from ticketpay.domain.refunds import (
    AlreadyRefunded,
    NothingCaptured,
    Refund,
    Refundable,
    RefundDecided,
    RefundReason,
    RefundRules,
    RefundState,
    RefundTooLarge,
    RefundWindowExpired,
    SamePerson,
    Split,
    TicketsRefunded,
    check_window,
    refundable_of,
)

pytestmark = pytest.mark.spec("S24")


def left_of(*refunds: Refund, charged_back_cents: int = 0) -> Refundable:
    """Two tickets of 50.00 in Nashville: 119.45 with fees and taxes."""
    order = sold([5_000], 2)
    return refundable_of(paid(order), order, refunds, charged_back_cents=charged_back_cents)


def test_the_parts_of_the_check_figure() -> None:
    """Of 119.45 the venue has 100.00, the house 9.20 and the taxman 10.25; one ticket is half."""
    left = left_of()

    assert left.sold == Split(venue_cents=10_000, fees_cents=920, taxes_cents=1_025)
    assert left.headroom_cents == 11_945
    one, other = left.of_tickets([1]), left.of_tickets([2])
    assert one + other == left.sold
    assert (one.venue_cents, one.fees_cents) == (5_000, 460)
    assert left.whole() == (left.sold, (1, 2))


def test_a_cent_is_the_venues_until_the_others_have_one_due() -> None:
    """Rounding down over the sum: thirteen cents bring the house its first, twelve the taxman."""
    splits: list[Split] = []
    refunds: list[Refund] = []
    for number in range(1, 14):
        splits.append(left_of(*refunds).of_amount(1))
        refunds.append(refund(splits[-1], number=number))

    assert [s.taxes_cents for s in splits].index(1) == 11
    assert [s.fees_cents for s in splits].index(1) == 12
    assert sum(s.venue_cents for s in splits) == 11


def test_the_split_of_an_amount() -> None:
    """100.00 of 119.45: 7.70 of the fees, 8.58 of the taxes, the rest from the venue."""
    assert left_of().of_amount(10_000) == Split(venue_cents=8_372, fees_cents=770, taxes_cents=858)


@pytest.mark.spec("S24 D1")
def test_two_refunds_of_sixty_on_a_hundred() -> None:
    """The second is refused while the first is under way, and may come when that has failed."""
    left = left_of()
    first = refund(left.of_amount(6_000), state=RefundState.PROCESSING)

    with pytest.raises(RefundTooLarge, match="5945 cents are left, 6000 were asked for"):
        left_of(first).of_amount(6_000)
    failed = attrs.evolve(first, state=RefundState.FAILED)
    assert left_of(failed).of_amount(6_000) == first.split


def test_nothing_left() -> None:
    """What was refunded or charged back as a whole is refunded already."""
    for left in (left_of(refund(left_of().sold)), left_of(charged_back_cents=11_945)):
        with pytest.raises(AlreadyRefunded):
            left.whole()
        with pytest.raises(AlreadyRefunded):
            left.of_amount(1)


@pytest.mark.spec("S24 D6")
@pytest.mark.parametrize("cents", [0, -1])
def test_no_refund_of_nothing(cents: int) -> None:
    """Zero and less are invalid, by the name of the field."""
    with pytest.raises(InvalidInput) as caught:
        left_of().of_amount(cents)

    assert [e.field for e in caught.value.errors] == ["amountCents"]


def test_wrong_tickets() -> None:
    """Unknown, doubled and missing numbers are named; a refunded one is a conflict."""
    for numbers, fields in (((1, 3), ["tickets.1"]), ((1, 1), ["tickets"]), ((), ["tickets"])):
        with pytest.raises(InvalidInput) as caught:
            left_of().of_tickets(numbers)
        assert [e.field for e in caught.value.errors] == fields
    gone = refund(left_of().of_tickets([2]), 2)
    with pytest.raises(TicketsRefunded, match="refunded already: 2"):
        left_of(gone).of_tickets([1, 2])
    assert left_of(gone).whole()[1] == (1,)


def test_a_ticket_after_an_amount() -> None:
    """A ticket gives no part more than is left, and not more than is left at all."""
    first = refund(left_of().of_amount(5_000))
    second = left_of(first).of_tickets([1])
    assert second.cents == left_of().of_tickets([1]).cents
    rest = left_of(first, refund(second, 1, number=2))
    assert rest.headroom_cents == 11_945 - 5_000 - second.cents
    with pytest.raises(RefundTooLarge):
        rest.of_tickets([2])


def test_kept_fees() -> None:
    """A fee that was sold as not refundable stays, whole order or ticket."""
    order = sold([5_000], 2, kept=[ChargeKind.PLATFORM_FEE])
    left = refundable_of(paid(order), order, [])

    assert (left.kept_cents, left.sold.fees_cents) == (820, 100)
    assert left.of_tickets([1]).fees_cents == 50


@pytest.mark.spec("S24 D3")
@pytest.mark.parametrize("state", set(PaymentState) - {PaymentState.COMPLETED})
def test_what_took_no_money_is_not_refunded(state: PaymentState) -> None:
    """Only a completed payment is refunded; any other is cancelled, or over."""
    order = sold([5_000], 1)
    with pytest.raises(NothingCaptured):
        refundable_of(paid(order, state), order, [])


@pytest.mark.spec("S24 D5")
def test_the_window() -> None:
    """Thirty days after completion a refund is in time, a second later it is not."""
    payment, rules = paid(sold([5_000], 1)), RefundRules()
    last = NOW + timedelta(days=30)

    check_window(payment, rules, last)
    with pytest.raises(RefundWindowExpired):
        check_window(payment, rules, last + timedelta(seconds=1))
    check_window(payment, RefundRules(window_days=31), last + timedelta(seconds=1))


def test_the_words_of_a_refund() -> None:
    """Reasons are stored and sent under their words; values are built by name."""
    assert words(RefundReason) == (
        "duplicate fraudulent requested_by_customer other event_cancelled late_success dashboard"
    )
    assert all(map(by_name, (Refund, Split, Refundable, RefundRules)))
    assert (RefundRules().window_days, RefundRules().approval_cents) == (30, 100_000)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RefundTooLarge, Rejected, "REFUND_TOO_LARGE"),
        (AlreadyRefunded, Conflict, "ALREADY_REFUNDED"),
        (NothingCaptured, Conflict, "NOTHING_CAPTURED"),
        (RefundWindowExpired, Rejected, "REFUND_WINDOW_EXPIRED"),
        (TicketsRefunded, Conflict, "TICKET_REFUNDED"),
        (SamePerson, Forbidden, "FORBIDDEN"),
        (RefundDecided, Conflict, "REFUND_DECIDED"),
    ],
)
def test_codes(error: type[TicketpayError], kind: type[TicketpayError], code: str) -> None:
    """Each refusal has the code that clients rely on."""
    assert issubclass(error, kind)
    assert error().error_code == code


@pytest.mark.spec("S25")
def test_a_refund_is_one_thing_at_the_provider() -> None:
    """Its key is made of its own id; it counts until it has failed; its split is its amount."""
    one = refund(Split(venue_cents=3))

    assert one.key == f"refund:{UUID(int=1)}"
    assert [attrs.evolve(one, state=s).counts for s in RefundState] == [True, True, True, False]
    with pytest.raises(AssertionError, match="a split is the whole"):
        attrs.evolve(one, amount=Money(4))


def test_money_that_was_no_sale_has_no_parts() -> None:
    """A late success goes back from suspense: without a split, without tickets."""
    late = Refund(
        id=RefundId(UUID(int=1)),
        payment_id=PaymentId(UUID(int=8)),
        ref=REF,
        amount=Money(5),
        reason=RefundReason.LATE_SUCCESS,
        state=RefundState.PENDING,
        created_at=NOW,
    )

    assert (late.split, late.tickets, late.needs_approval) == (None, (), False)


Step = tuple[str, int]


@pytest.mark.spec("S24 D12")
@pytest.mark.parametrize(
    ("prices", "counts", "steps", "last"),
    [
        # The ticket's fees are more than what amounts have left of them: the venue bears them.
        ([1, 50], [1, 2], [("amount", 134), ("amount", 68), ("ticket", 1)], (12, 40, 3)),
        # So with taxes; the rest of what amounts have left goes to the fees.
        ([50, 1], [1, 2], [("amount", 93), ("ticket", 1)], (28, 78, 4)),
        # The venue lacks the cent that was refunded beside: the taxes have one left.
        ([5_000], [2], [("amount", 5_972), ("amount", 1), ("ticket", 2)], (4_999, 460, 513)),
        # The venue has nothing left: the fees bear both cents.
        ([3, 7], [1, 2], [("ticket", 3), ("amount", 107), ("amount", 1), ("amount", 2)], (0, 2, 0)),
    ],
)
def test_what_a_part_lacks_the_others_bear(
    prices: list[int], counts: list[int], steps: list[Step], last: tuple[int, int, int]
) -> None:
    """Tickets by their charges after amounts by shares: taxes first, then fees, then the venue."""
    order, done, split = sold(prices, *counts), list[Refund](), Split()
    for number, (kind, what) in enumerate(steps, 1):
        left = refundable_of(paid(order), order, done)
        split = left.of_tickets([what]) if kind == "ticket" else left.of_amount(what)
        done.append(refund(split, *([what] if kind == "ticket" else []), number=number))
    assert (split.venue_cents, split.fees_cents, split.taxes_cents) == last
