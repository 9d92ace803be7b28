"""The words of refunds and disputes, and the small rules beside the split (S24, S27, S30)."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.refunds.sales import paid, refund, sold
from tests.spec.refunds.test_disputes import dispute
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.pricing import ChargeKind
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    NOT_APPROVED,
    REFUND_MACHINE,
    AlreadyRefunded,
    ChargedBack,
    Dispute,
    DisputeEvent,
    DisputeState,
    Refund,
    RefundEvent,
    RefundState,
    RefundTooLarge,
    Split,
    check_amount,
    is_suspended,
    lost_of_suspense,
    refundable_of,
    split_of_any,
    staying,
    suspended_cents,
    voiding_the_rest,
)


@pytest.mark.spec("S24", "S27")
def test_the_words_of_refunds() -> None:
    """Each state and event has the word under which it is stored and told."""
    assert words(RefundState) == "pending processing completed failed"
    assert words(RefundEvent) == "process complete fail"
    assert words(DisputeState) == "inquiry open won lost closed"
    assert words(DisputeEvent) == "withdraw win lose close divide"
    assert (REFUND_MACHINE.name, DISPUTE_MACHINE.name) == ("refund", "dispute")
    assert NOT_APPROVED == "not_approved"
    assert by_name(Refund)
    assert by_name(Dispute)
    made = (refund(Split(venue_cents=1)), dispute(1))
    assert [one.version for one in made] == [1, 1]
    assert made[1].fee_cents == 0


def parts(venue: int, fees: int, taxes: int) -> Split:
    return Split(venue_cents=venue, fees_cents=fees, taxes_cents=taxes)


@pytest.mark.spec("S24")
def test_splits_add_and_subtract_by_part() -> None:
    """No part is forgotten, and none changes its sign."""
    big, small = parts(10, 20, 30), parts(1, 2, 3)
    assert big - small == parts(9, 18, 27)
    assert big + small == parts(11, 22, 33)
    assert (big - small).cents == 54


@pytest.mark.spec("S24")
def test_an_amount_is_checked() -> None:
    """At least a cent, at most what is left; and if nothing is, it says who has it."""
    for cents in (1, 100):
        check_amount(cents, 100)
    with pytest.raises(InvalidInput) as wrong:
        check_amount(0, 100)
    assert wrong.value.errors == (FieldError("amountCents", "must be a positive integer"),)
    most = FieldError("amountCents", "must be at most 100")
    come = FieldError("tickets", "come to 101 cents, and 100 are left")
    for asked, named in (({}, most), ({"tickets": False}, most), ({"tickets": True}, come)):
        with pytest.raises(RefundTooLarge) as refused:
            check_amount(101, 100, **asked)
        assert refused.value.errors == (named,)
    with pytest.raises(AlreadyRefunded) as gone:
        check_amount(1, 0)
    assert not isinstance(gone.value, ChargedBack)
    with pytest.raises(ChargedBack):
        check_amount(1, 0, disputed=True)


@pytest.mark.spec("S24")
def test_what_is_too_much_is_named_as_it_was_asked_for() -> None:
    """By amount the amount is wrong, by tickets the tickets are; the whole is neither."""
    order = sold([5_000], 2)
    left = refundable_of(paid(order), order, [refund(Split(venue_cents=6_000))])
    with pytest.raises(RefundTooLarge) as amount:
        left.of_amount(5_946)
    with pytest.raises(RefundTooLarge) as tickets:
        left.of_tickets((1, 2))
    fields = [error.field for one in (amount, tickets) for error in one.value.errors]
    assert fields == ["amountCents", "tickets"]


@pytest.mark.spec("S24")
def test_wrong_tickets_are_named() -> None:
    """A number that the order has not, one that comes twice, none at all: each says so."""
    order = sold([5_000], 2)
    left = refundable_of(paid(order), order, [])
    for numbers, told in (
        ((3,), FieldError("tickets.0", "the order has no ticket 3")),
        ((1, 1), FieldError("tickets", "a ticket is named twice")),
        ((), FieldError("tickets", "is empty")),
    ):
        with pytest.raises(InvalidInput) as wrong:
            left.of_tickets(numbers)
        assert told in wrong.value.errors


@pytest.mark.spec("S30")
def test_money_in_suspense() -> None:
    """Only received money of a cancelled sale is; refunds that count and banks take of it."""
    order = sold([5_000], 2)
    late = paid(order, PaymentState.CANCELLED)
    total = order.total.cents
    assert is_suspended(late)
    assert is_suspended(attrs.evolve(late, received_cents=1))
    assert not is_suspended(attrs.evolve(late, received_cents=0))
    assert not is_suspended(paid(order))
    assert suspended_cents(late, []) == total
    back = refund(Split(venue_cents=700))
    failed = refund(Split(venue_cents=900), state=RefundState.FAILED, number=2)
    assert suspended_cents(late, [back, failed]) == total - 700
    taken = [dispute(300), dispute(50, DisputeState.WON, number=2)]
    assert suspended_cents(late, [back], taken) == total - 1_000
    assert suspended_cents(late, [refund(Split(venue_cents=total))], taken) == 0


@pytest.mark.spec("S27", "S30")
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_who_bears_what_a_bank_takes_of_money_in_suspense(
    back: int, failed: int, one: int, two: int
) -> None:
    """What lies there is taken first, and the rest from the platform; only lost disputes count."""
    late = attrs.evolve(paid(sold([5_000], 2), PaymentState.CANCELLED), received_cents=200)
    refunds = [
        refund(Split(venue_cents=back)),
        refund(Split(venue_cents=failed), state=RefundState.FAILED, number=2),
    ]
    lost = [dispute(cents, DisputeState.LOST, number=n) for n, cents in enumerate((one, two), 1)]
    others = [dispute(50, s, number=9) for s in DisputeState if s is not DisputeState.LOST]
    held, platform = lost_of_suspense(late, refunds, [*lost, *others])
    assert held + platform == one + two
    assert held <= max(0, 200 - back)
    assert platform == 0 or held == max(0, 200 - back)


@pytest.mark.spec("S24")
def test_requests_stay_in_order_as_far_as_they_fit() -> None:
    """One that does not fit takes nothing from those behind it; what does not wait is not asked."""
    pending, failed = RefundState.PENDING, RefundState.FAILED
    drawn = (
        (60, RefundState.COMPLETED, False),
        (50, pending, True),
        (80, pending, True),
        (10, failed, True),
        (30, pending, True),
        (21, pending, True),
    )
    waiting = [
        attrs.evolve(refund(Split(venue_cents=cents), number=n, state=state), needs_approval=waits)
        for n, (cents, state, waits) in enumerate(drawn, 1)
    ]
    stay, displaced = staying(waiting, 80)
    assert [r.amount.cents for r in stay] == [50, 30]
    assert [r.amount.cents for r in displaced] == [80, 21]


@pytest.mark.spec("S24")
def test_nothing_left_means_no_ticket_left() -> None:
    """A refund that leaves nothing voids every ticket that is not void; one that leaves some, none."""
    order = sold([5_000], 3)
    payment = paid(order)
    everything, _ = refundable_of(payment, order, []).whole()
    whole = refund(everything)
    assert voiding_the_rest(whole, payment, order, []).tickets == (1, 2, 3)
    part = refund(refundable_of(payment, order, []).of_amount(100), number=2)
    assert voiding_the_rest(part, payment, order, []).tickets == ()
    rest = refund(refundable_of(payment, order, [part]).whole()[0], number=3)
    one = attrs.evolve(part, tickets=(2,))
    assert voiding_the_rest(rest, payment, order, [one]).tickets == (1, 3)
    assert voiding_the_rest(rest, payment, order, [one, rest]).tickets == (1, 3)
    asked = attrs.evolve(part, needs_approval=True, state=RefundState.PENDING)
    assert voiding_the_rest(rest, payment, order, [asked]).tickets == ()
    unsplit = attrs.evolve(whole, split=None)
    assert voiding_the_rest(unsplit, payment, order, []) == unsplit


@pytest.mark.spec("S24", "S27")
def test_a_bank_that_may_give_back_leaves_tickets() -> None:
    """What an open dispute holds may be left one day; what a lost one took is gone."""
    order = sold([5_000], 2)
    payment = paid(order)
    held = refundable_of(payment, order, []).of_amount(1_000)
    lost = dispute(1_000, DisputeState.LOST, held)
    rest = refund(refundable_of(payment, order, [], disputes=[lost]).whole()[0])
    assert voiding_the_rest(rest, payment, order, [], disputes=[lost]).tickets == (1, 2)
    assert voiding_the_rest(rest, payment, order, [], disputes=[dispute(1_000)]).tickets == ()


@pytest.mark.spec("S24")
def test_kept_charges_go_back_last() -> None:
    """A refund that nobody here was asked about takes what is refundable, then what was kept."""
    order = sold([5_000], 2, kept=(ChargeKind.PLATFORM_FEE,))
    payment = paid(order)
    usual, total = refundable_of(payment, order, []), order.total.cents
    first = usual.whole()[0]
    assert split_of_any(payment, order, [], first.cents) == first
    more = split_of_any(payment, order, [], first.cents + 7)
    assert (more - first).cents == 7
    assert more.fees_cents == first.fees_cents + 7
    assert split_of_any(payment, order, [], total).cents == total
    begun = refund(first)
    assert split_of_any(payment, order, [begun], 5) == Split(fees_cents=5)


@pytest.mark.spec("S35")
def test_the_machine_of_refunds() -> None:
    """Every end may come at once, and a completed refund may fail after all; nothing else moves."""
    table = {(str(s), str(e)): str(a) for (s, e), a in REFUND_MACHINE.table.items() if s is not a}
    assert table == {
        ("pending", "process"): "processing",
        ("pending", "complete"): "completed",
        ("pending", "fail"): "failed",
        ("processing", "complete"): "completed",
        ("processing", "fail"): "failed",
        ("completed", "fail"): "failed",
    }


@pytest.mark.spec("S24", "S27")
def test_whose_fault_it_is_that_nothing_is_left() -> None:
    """Even a cent that a bank took says so; without any it was refunded."""
    order = sold([5_000], 1)
    payment = paid(order)
    plain = refundable_of(payment, order, [])
    assert not plain.disputed
    assert refundable_of(payment, order, [], charged_back_cents=1).disputed
    assert refundable_of(payment, order, [], disputes=[dispute(1)]).disputed
    assert not attrs.fields_dict(type(plain))["disputed"].default


@pytest.mark.spec("S24")
def test_everything_of_a_ticket_goes_back_when_nothing_took_place() -> None:
    """A ticket's own charges count as refundable, too."""
    order = sold([5_000], 2, kept=tuple(ChargeKind))
    payment = paid(order)
    assert refundable_of(payment, order, []).of_tickets([1]) == Split(venue_cents=5_000)
    whole = refundable_of(payment, order, [], everything=True).of_tickets([1])
    line = order.tickets[0]
    assert whole.cents == line.price_cents + sum(charge.cents for charge in line.charges)
    assert whole.cents > 5_000
