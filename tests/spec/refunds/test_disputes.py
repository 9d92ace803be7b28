"""Disputes: the machine, whose money a lost one was, and how much is left to refund beside them (S27)."""

from __future__ import annotations

import itertools
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.pricing.offers import NOW
from tests.spec.refunds.sales import REF, paid, refund, sold
from tests.spec.refunds.test_laws import ORDERS
from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.money import Money
from ticketpay.domain.orders import Order
from ticketpay.domain.pricing import ChargeKind
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    AlreadyRefunded,
    ChargedBack,
    Dispute,
    DisputeEvent,
    DisputeState,
    RefundState,
    Split,
    charged_back_cents,
    divided_anew,
    lost_split,
    refundable_of,
)

pytestmark = pytest.mark.spec("S27")

TWIN = {
    "inquiry": {"withdraw": "open", "close": "closed"},
    "open": {"withdraw": "open", "win": "won", "lose": "lost"},
    "won": {"withdraw": "won"},
    "lost": {"withdraw": "lost", "divide": "lost"},
    "closed": {},
}


def dispute(
    cents: int, state: DisputeState = DisputeState.OPEN, split: Split | None = None, number: int = 1
) -> Dispute:
    """A dispute about so many cents of the sale."""
    return Dispute(
        id=DisputeId(UUID(int=number)),
        payment_id=PaymentId(UUID(int=8)),
        ref=REF,
        provider_dispute_id=f"dp_{number}",
        amount=Money(cents),
        reason="fraudulent",
        state=state,
        created_at=NOW,
        split=split,
    )


def lost(order: Order, cents: int, *others: Dispute, number: int = 1) -> Dispute:
    """One that was lost after the others."""
    split = lost_split(paid(order), order, [], others, cents)
    return dispute(cents, DisputeState.LOST, split, number)


def test_the_machine_is_what_field_notes_say() -> None:
    """Only an inquiry is closed, only withdrawn funds are won or lost, and an end is an end."""
    table = {(str(s), str(e)): str(a) for (s, e), a in DISPUTE_MACHINE.table.items()}
    assert table == {(s, e): a for s, moves in TWIN.items() for e, a in moves.items()}
    assert DISPUTE_MACHINE.initial is DisputeState.INQUIRY
    ends = {DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED}
    assert {s for s in DisputeState if DISPUTE_MACHINE.is_final(s)} == ends
    for state, event in itertools.product(DisputeState, DisputeEvent):
        if (state, event) not in DISPUTE_MACHINE.table:
            with pytest.raises(InvalidTransition):
                DISPUTE_MACHINE.next(state, event)


def test_what_counts() -> None:
    """What is open or lost is away; what was only asked about, closed or won is not."""
    every = [dispute(10**n, state) for n, state in enumerate(DisputeState)]
    assert [d.counts for d in every] == [False, True, False, True, False]
    assert charged_back_cents(every) == 10 + 1_000


def test_the_shares_of_a_lost_dispute() -> None:
    """Of 40.00 of 119.45 the venue bears 33.49, the platform 3.08, the taxman 3.43."""
    order = sold([5_000], 2)
    assert order.total.cents == 11_945
    half = lost_split(paid(order), order, [], [], 4_000)
    assert half == Split(venue_cents=3_349, fees_cents=308, taxes_cents=343)


def test_what_a_dispute_takes_beside_others() -> None:
    """A second dispute has the rest; kept taxes are the taxman's to give; requests take nothing."""
    order = sold([5_000], 2)
    whole = Split(venue_cents=10_000, fees_cents=920, taxes_cents=1_025)
    half = lost(order, 4_000)
    assert half.split is not None
    assert lost_split(paid(order), order, [], [half], 7_945) == whole - half.split
    assert lost_split(paid(order), order, [], [half], 7_946) == (
        whole - half.split + Split(fees_cents=1)
    )
    won = attrs.evolve(half, state=DisputeState.WON)
    assert lost_split(paid(order), order, [], [won], 11_945) == whole
    kept = sold([5_000], 2, kept=(ChargeKind.STATE_TAX, ChargeKind.LOCAL_TAX))
    assert lost_split(paid(kept), kept, [], [], 4_000) == half.split
    unsent = refund(refundable_of(paid(kept), kept, []).of_amount(9_000), state=RefundState.PENDING)
    assert lost_split(paid(kept), kept, [unsent], [], kept.total.cents) == whole
    five = refund(refundable_of(paid(order), order, []).of_amount(5_000), state=RefundState.PENDING)
    assert five.split is not None
    assert lost_split(paid(order), order, [five], [], 6_945) == whole - five.split


def test_whose_shares_are_decided_anew() -> None:
    """Refunds that stand count; requests and those that failed do not; only lost disputes are shared."""
    order = sold([5_000], 2)
    fresh, total = refundable_of(paid(order), order, []), order.total.cents
    failed, stays = (
        refund(fresh.of_amount(5_000), number=1),
        refund(Split(venue_cents=3_000), number=2),
    )
    request = attrs.evolve(refund(Split(venue_cents=9), number=3), needs_approval=True)
    over = attrs.evolve(failed, state=RefundState.FAILED)
    rest = total - 3_000
    split = lost_split(paid(order), order, [failed, stays], [], rest)
    assert split.fees_cents > 920, "the platform bears the excess"
    gone = dispute(rest, DisputeState.LOST, split)
    opened = dispute(1, DisputeState.OPEN, number=2)
    (anew,) = divided_anew(paid(order), order, [over, stays, request], [gone, opened])
    assert anew.split == Split(venue_cents=7_000, fees_cents=920, taxes_cents=1_025)
    assert divided_anew(paid(order), order, [over, stays, request], [anew, opened]) == ()


@pytest.mark.spec("S24", "S35")
@given(
    ORDERS,
    st.integers(1, 10**6),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_shares_do_not_depend_on_what_was_heard_first(
    order: Order,
    back: int,
    amounts: list[int],
    fails: bool,  # noqa: FBT001 - drawn
) -> None:
    """A refund before, between or behind lost disputes, standing or failing: the same shares."""
    fresh = refundable_of(paid(order), order, [])
    sent = attrs.evolve(
        refund(fresh.of_amount(1 + (back - 1) % fresh.sold.cents)), provider_refund_id="re_1"
    )
    ends = []
    for place in range(len(amounts) + 1):
        gone: list[Dispute] = []
        for number, cents in enumerate(amounts, 1):
            known = [sent] if number > place else []
            split = lost_split(paid(order), order, known, gone, cents)
            gone.append(dispute(cents, DisputeState.LOST, split, number))
        for last in (sent, attrs.evolve(sent, state=RefundState.FAILED))[: 2 if fails else 1]:
            anew = {d.id: d for d in divided_anew(paid(order), order, [last], gone)}
            gone = [anew.get(d.id, d) for d in gone]
        ends.append([d.split for d in gone])
    assert ends == [ends[0]] * len(ends)


@given(ORDERS, st.lists(st.integers(1, 200_000), min_size=1, max_size=6))
def test_lost_disputes_share_the_sale_in_full(order: Order, amounts: list[int]) -> None:
    """Each split is its amount; together no part gives more than it has, but the platform for the rest."""
    gone: list[Dispute] = []
    for number, cents in enumerate(amounts, 1):
        gone.append(lost(order, cents, *gone, number=number))
    splits = [d.split for d in gone if d.split]
    assert [split.cents for split in splits] == amounts
    total, sale = sum(splits, Split()), order.total.cents
    whole = refundable_of(paid(order), order, [], everything=True).sold
    beyond = max(0, sum(amounts) - sale)
    assert total.venue_cents <= whole.venue_cents
    assert total.taxes_cents <= whole.taxes_cents
    assert total.fees_cents <= whole.fees_cents + beyond
    if sum(amounts) >= sale:
        rest = attrs.evolve(whole, fees_cents=whole.fees_cents + beyond)
        assert total == rest


@pytest.mark.spec("S24")
@given(ORDERS, st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(DisputeState))
def test_refunds_and_disputes_never_exceed_the_capture(
    order: Order, cents: int, back: int, state: DisputeState
) -> None:
    """Beside a refund and a dispute there is never more headroom than what both have left."""
    fresh = refundable_of(paid(order), order, [])
    disputed = 1 + (cents - 1) % order.total.cents
    split = None
    if state is DisputeState.LOST:
        split = lost_split(paid(order), order, [], [], disputed)
    one = dispute(disputed, state, split)
    left = refundable_of(paid(order), order, [], disputes=[one])
    away = disputed if one.counts else 0
    assert left.headroom_cents == max(0, fresh.sold.cents - away)
    if not left.headroom_cents:
        with pytest.raises(ChargedBack):
            left.whole()
        return
    taken = refund(left.of_amount(1 + (back - 1) % left.headroom_cents))
    assert taken.amount.cents + away <= order.total.cents
    after = refundable_of(paid(order), order, [taken], disputes=[one])
    assert after.headroom_cents == left.headroom_cents - taken.amount.cents
    if after.headroom_cents:
        rest, _ = after.whole()
        assert min(rest.venue_cents, rest.fees_cents, rest.taxes_cents) >= 0


@pytest.mark.spec("S24")
def test_what_was_not_refundable_is_charged_back_all_the_same() -> None:
    """A bank takes fees that were sold as not refundable; nothing is left to refund, and why is said."""
    order = sold([5_000], 2, kept=(ChargeKind.ISSUING_FEE,))
    gone = lost(order, order.total.cents)
    assert gone.split is not None
    assert gone.split.fees_cents == order.fees_cents
    with pytest.raises(ChargedBack) as caught:
        refundable_of(paid(order), order, [], disputes=[gone]).of_amount(1)
    assert (caught.value.error_code, issubclass(ChargedBack, AlreadyRefunded)) == (
        "CHARGED_BACK",
        True,
    )


@pytest.mark.spec("S24", "S25")
@given(ORDERS, st.integers(1, 10**6), st.lists(st.integers(1, 10**6), min_size=1, max_size=3))
def test_what_a_failed_refund_had_taken_is_shared_anew(
    order: Order, back: int, amounts: list[int]
) -> None:
    """Whoever's money a bank took beside a refund bears it once that has failed, and no more."""
    fresh = refundable_of(paid(order), order, [])
    sent = attrs.evolve(
        refund(fresh.of_amount(1 + (back - 1) % fresh.sold.cents)), provider_refund_id="re_1"
    )
    gone: list[Dispute] = []
    for number, cents in enumerate(amounts, 1):
        split = lost_split(paid(order), order, [sent], gone, cents)
        gone.append(dispute(cents, DisputeState.LOST, split, number))
    failed = attrs.evolve(sent, state=RefundState.FAILED)
    anew = {d.id: d for d in divided_anew(paid(order), order, [failed], gone)}
    shares = [anew.get(d.id, d).split or Split() for d in gone]
    assert [share.cents for share in shares] == amounts
    total, sale = sum(shares, Split()), order.total.cents
    whole = refundable_of(paid(order), order, [], everything=True).sold
    beyond = max(0, sum(amounts) - sale)
    assert 0 <= total.venue_cents <= whole.venue_cents
    assert 0 <= total.taxes_cents <= whole.taxes_cents
    assert 0 <= total.fees_cents <= whole.fees_cents + beyond


def test_a_refund_that_cannot_be_made_any_more_takes_nothing() -> None:
    """What has not been sent when the bank has taken all does not lessen anybody's share."""
    order = sold([5_000], 2)
    whole = refundable_of(paid(order), order, []).whole()[0]
    waiting = refund(whole, state=RefundState.PENDING)
    sent = attrs.evolve(waiting, provider_refund_id="re_1")
    everything = refundable_of(paid(order), order, [], everything=True).sold
    total = order.total.cents
    assert lost_split(paid(order), order, [waiting], [], total) == everything
    assert lost_split(paid(order), order, [sent], [], total) == Split(fees_cents=total)
    asked = attrs.evolve(waiting, needs_approval=True)
    assert lost_split(paid(order), order, [asked], [], total) == everything
