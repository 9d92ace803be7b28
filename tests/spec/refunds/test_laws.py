"""What is always true of refunds, whatever is refunded in whatever steps (S24)."""

from __future__ import annotations

from fractions import Fraction

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.spec.refunds.sales import paid, refund, sold
from ticketpay.domain.orders import Order
from ticketpay.domain.pricing import ChargeKind
from ticketpay.domain.refunds import (
    AlreadyRefunded,
    Refund,
    Refundable,
    RefundState,
    RefundTooLarge,
    Split,
    refundable_of,
    split_of_any,
    staying,
    voiding_the_rest,
)

pytestmark = pytest.mark.spec("S24 D12")

FEES = (ChargeKind.PLATFORM_FEE, ChargeKind.ISSUING_FEE)
ORDERS = st.builds(
    lambda prices, count, kept: sold(prices, *([count] * len(prices)), kept=kept),
    st.lists(st.integers(0, 200_000), min_size=1, max_size=3).filter(any),
    st.integers(1, 4),
    st.sampled_from([(), FEES[:1], FEES]),
)
STEPS = st.lists(
    st.one_of(st.integers(1, 1_000_000), st.lists(st.integers(1, 12), min_size=1, max_size=3)),
    max_size=12,
)


def view(order: Order, refunds: list[Refund]) -> Refundable:
    return refundable_of(paid(order), order, refunds)


def walk(order: Order, steps: list[int | list[int]]) -> list[Refund]:
    """Refund step by step: amounts that fit, and tickets that are there and not refunded yet."""
    refunds: list[Refund] = []
    for step in steps:
        left = view(order, refunds)
        if isinstance(step, int):
            if left.headroom_cents:
                cents = 1 + (step - 1) % left.headroom_cents
                refunds.append(refund(left.of_amount(cents), number=len(refunds) + 1))
            continue
        numbers = {n for n in step if n <= len(order.tickets)} - left.voided
        try:
            split = left.of_tickets(sorted(numbers))
        except Exception:  # noqa: BLE001, S112 - what does not fit is left out; it is tested elsewhere
            continue
        refunds.append(refund(split, *sorted(numbers), number=len(refunds) + 1))
    return refunds


@given(ORDERS, STEPS)
def test_no_part_is_negative_and_none_gives_more_than_it_has(
    order: Order, steps: list[int | list[int]]
) -> None:
    """After any steps each part of each refund is 0 or more, and their sums are within the sale."""
    refunds = walk(order, steps)
    sold_parts = view(order, []).sold
    given_back = sum((r.split for r in refunds if r.split), Split())
    for part in ("venue_cents", "fees_cents", "taxes_cents"):
        assert all(getattr(r.split, part) >= 0 for r in refunds)
        assert getattr(given_back, part) <= getattr(sold_parts, part)


@given(ORDERS, STEPS)
def test_the_last_refund_takes_what_is_left(order: Order, steps: list[int | list[int]]) -> None:
    """Whatever went before, refunding the rest gives back exactly what was sold, part by part."""
    refunds = walk(order, steps)
    left = view(order, refunds)
    if left.headroom_cents:
        split, tickets = left.whole()
        refunds.append(refund(split, *tickets, number=99))
        assert set(tickets) | left.voided == {t.number for t in order.tickets}
    end = view(order, refunds)
    assert (end.refunded, end.headroom_cents) == (end.sold, 0)
    with pytest.raises(AlreadyRefunded):
        end.of_amount(1)


@given(ORDERS, st.lists(st.integers(1, 100_000), max_size=20))
def test_fees_and_taxes_follow_the_sum_of_the_refunds(order: Order, amounts: list[int]) -> None:
    """Of amounts, the fees and taxes given back are those of their sum, rounded down once."""
    refunds: list[Refund] = []
    for cents in amounts:
        left = view(order, refunds)
        if cents > left.headroom_cents:
            break
        refunds.append(refund(left.of_amount(cents), number=len(refunds) + 1))
    end = view(order, refunds)
    exact = {
        part: Fraction(getattr(end.sold, part) * end.refunded.cents, end.sold.cents)
        for part in ("fees_cents", "taxes_cents")
    }
    for part, share in exact.items():
        # The venue bears the cents that rounding leaves, unless it has nothing left to bear them.
        assert share - 1 < getattr(end.refunded, part) <= share + 2, (part, share)


@given(ORDERS, st.data())
def test_tickets_give_back_what_they_were_charged(order: Order, data: st.DataObject) -> None:
    """Tickets that are refunded first give back their price and their refundable charges, to the cent."""
    numbers = data.draw(st.sets(st.sampled_from([t.number for t in order.tickets]), min_size=1))
    lines = [t for t in order.tickets if t.number in numbers]
    back = [c for t in lines for c in t.charges if c.refundable]
    wanted = Split(
        venue_cents=sum(t.price_cents for t in lines),
        fees_cents=sum(c.cents for c in back if not c.kind.is_tax),
        taxes_cents=sum(c.cents for c in back if c.kind.is_tax),
    )
    if wanted.cents:
        assert view(order, []).of_tickets(sorted(numbers)) == wanted


@pytest.mark.spec("S24 D1")
@given(ORDERS, st.integers(1, 10**6), st.sampled_from(RefundState), st.integers(0, 10**6))
def test_headroom_counts_all_that_has_not_failed(
    order: Order, cents: int, state: RefundState, charged_back: int
) -> None:
    """Refunds under way count as done ones do, failed ones do not; so do charge-backs; never below 0."""
    fresh = view(order, [])
    one = refund(fresh.of_amount(1 + (cents - 1) % fresh.sold.cents), state=state)
    left = refundable_of(paid(order), order, [one], charged_back_cents=charged_back)
    used = 0 if state is RefundState.FAILED else one.amount.cents
    assert left.headroom_cents == max(0, fresh.sold.cents - used - charged_back)
    with pytest.raises((RefundTooLarge, AlreadyRefunded)):
        left.of_amount(left.headroom_cents + 1)


@given(ORDERS)
def test_what_was_not_refundable_is_kept_unless_there_was_no_event(order: Order) -> None:
    """Fees sold as not refundable stay; when the event did not take place everything goes back."""
    payment = paid(order)
    kept = sum(c.cents for c in order.charges if not c.refundable)
    asked, cancelled = (
        refundable_of(payment, order, [], everything=everything) for everything in (False, True)
    )
    assert (asked.kept_cents, asked.headroom_cents) == (kept, order.total.cents - kept)
    assert (cancelled.kept_cents, cancelled.headroom_cents) == (0, order.total.cents)


PARTS = ("venue_cents", "fees_cents", "taxes_cents")
MIXED = st.lists(
    st.tuples(
        st.sampled_from(["ask", "wait", "dashboard", "cancelled", "decide", "fail"]),
        st.integers(0, 10**6),
    ),
    max_size=12,
)


def mixed(order: Order, steps: list[tuple[str, int]]) -> list[Refund]:
    """Refunds asked for, waiting, made at the provider and failing, as the desk lets them be."""
    found: list[Refund] = []
    payment = paid(order)
    for number, (what, drawn) in enumerate(steps, start=1):
        left = view(order, found)
        if what == "fail" and found:
            place = drawn % len(found)
            found[place] = attrs.evolve(found[place], state=RefundState.FAILED)
        elif what == "decide":
            found = [attrs.evolve(r, needs_approval=False) for r in found]
        elif what == "cancelled":
            all_of_it = refundable_of(payment, order, found, everything=True)
            if all_of_it.headroom_cents:
                split = all_of_it.of_amount(1 + drawn % all_of_it.headroom_cents)
                found.append(refund(split, number=number))
        elif what == "dashboard":
            begun = [r for r in found if not r.needs_approval]
            most = refundable_of(payment, order, begun, everything=True).headroom_cents
            if most:
                cents = 1 + drawn % most
                room = max(0, view(order, begun).headroom_cents - cents)
                kept, displaced = staying(found, room)
                split = split_of_any(payment, order, [*begun, *kept], cents)
                found = [r for r in found if r not in displaced]
                found.append(refund(split, number=number))
        elif left.headroom_cents:
            one = refund(left.of_amount(1 + drawn % left.headroom_cents), number=number)
            found.append(attrs.evolve(one, needs_approval=what == "wait"))
    return found


@given(ORDERS, MIXED)
def test_whoever_refunds_no_part_gives_more_than_it_has(
    order: Order, steps: list[tuple[str, int]]
) -> None:
    """Requests, waiting ones and refunds of kept charges together: parts stay within what was paid."""
    refunds = mixed(order, steps)
    paid_parts = refundable_of(paid(order), order, [], everything=True).sold
    given_back = sum((r.split for r in refunds if r.split and r.counts), Split())
    for part in PARTS:
        assert all(getattr(r.split, part) >= 0 for r in refunds)
        assert getattr(given_back, part) <= getattr(paid_parts, part)
    for everything in (False, True):
        left = refundable_of(paid(order), order, refunds, everything=everything)
        if left.headroom_cents:
            assert min(getattr(left.of_amount(left.headroom_cents), part) for part in PARTS) >= 0


@given(ORDERS, st.integers(1, 10**6))
def test_kept_charges_give_only_what_is_beyond_the_refundable(order: Order, drawn: int) -> None:
    """A refund that nobody was asked about is split as an ordinary one as far as that reaches."""
    usual = view(order, [])
    cents = 1 + drawn % order.total.cents
    split = split_of_any(paid(order), order, [], cents)
    assert split.cents == cents
    if cents <= usual.headroom_cents:
        assert split == usual.of_amount(cents)
    else:
        assert all(getattr(split, part) >= getattr(usual.sold, part) for part in PARTS)


@given(ORDERS, MIXED)
def test_what_leaves_nothing_voids_every_ticket(order: Order, steps: list[tuple[str, int]]) -> None:
    """The rest, by whatever amount, voids what is not void; less leaves its tickets as they are."""
    refunds = [r for r in mixed(order, steps) if not r.needs_approval]
    left = view(order, refunds)
    if left.headroom_cents < 2:
        return
    less, rest = (
        voiding_the_rest(refund(left.of_amount(cents), number=99), paid(order), order, refunds)
        for cents in (left.headroom_cents - 1, left.headroom_cents)
    )
    assert less.tickets == ()
    assert set(rest.tickets) | left.voided == {t.number for t in order.tickets}
    assert not set(rest.tickets) & left.voided


def parts(venue: int, fees: int, taxes: int) -> Split:
    return Split(venue_cents=venue, fees_cents=fees, taxes_cents=taxes)


SPLITS = st.builds(parts, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


def test_a_cent_that_two_parts_want_is_the_taxmans() -> None:
    """Fees and taxes both have a cent due, and one is refunded: nobody is paid by it."""
    left = Refundable(
        sold=parts(10, 2, 2),
        kept_cents=0,
        refunded=parts(6, 0, 0),
        charged_back_cents=0,
        tickets=(),
        voided=frozenset(),
    )
    assert left.of_amount(1) == parts(0, 0, 1)


@given(SPLITS, SPLITS, SPLITS)
@example(parts(5, 3, 0), parts(0, 3, 0), parts(2, 1, 0))
@example(parts(5, 0, 3), parts(0, 0, 3), parts(2, 0, 1))
@example(parts(5, 0, 3), parts(0, 0, 4), parts(2, 0, 1))
@example(parts(0, 5, 0), parts(0, 0, 0), parts(1, 1, 0))
@example(parts(3, 5, 0), parts(4, 0, 0), parts(1, 1, 0))
def test_a_ticket_takes_of_each_part_what_is_left_of_it(
    sale: Split, refunded: Split, wanted: Split
) -> None:
    """Whatever became of the others, even more than a part had: taxes, then fees, then the venue."""
    (line,) = sold([5_000], 1).tickets
    fee = next(c for c in line.charges if not c.kind.is_tax)
    tax = next(c for c in line.charges if c.kind.is_tax)
    charges = (
        attrs.evolve(fee, cents=wanted.fees_cents, refundable=True),
        attrs.evolve(tax, cents=wanted.taxes_cents, refundable=True),
    )
    ticket = attrs.evolve(line, price_cents=wanted.venue_cents, charges=charges)
    left = Refundable(
        sold=sale,
        kept_cents=0,
        refunded=refunded,
        charged_back_cents=0,
        tickets=(ticket,),
        voided=frozenset(),
    )
    if not 0 < wanted.cents <= left.headroom_cents:
        return
    found = left.of_tickets([ticket.number])
    assert found.cents == wanted.cents
    has = sale - refunded
    venue, fees, taxes = (max(0, c) for c in (has.venue_cents, has.fees_cents, has.taxes_cents))
    assert 0 <= found.venue_cents <= venue
    assert min(wanted.fees_cents, fees) <= found.fees_cents <= fees
    assert min(wanted.taxes_cents, taxes) <= found.taxes_cents <= taxes
    if found.fees_cents > wanted.fees_cents:
        assert found.venue_cents == venue, "fees bear only what the venue lacks"
    if found.taxes_cents > wanted.taxes_cents:
        assert (found.venue_cents, found.fees_cents) == (venue, fees), "taxes bear the rest"
