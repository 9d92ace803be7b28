"""Disputes from beginning to end: what a bank asks, takes and gives back, in whatever order it is told."""

from __future__ import annotations

import itertools
import random
from typing import Any

import attrs
import pytest

from tests.spec.processes.test_refunding import (
    KEPT,
    ask,
    decide,
    order_state,
    owed,
    refunds,
    sell,
    somebody,
    work,
)
from tests.support.sandboxed import Sandboxed, bank, refund_at_provider
from ticketpay.adapters.sandbox.banking import DISPUTE_FEE
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.ledger import AccountKind, Posting, suspense_posting
from ticketpay.domain.messaging import InboxStatus, Outcome, TimerKind
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Role
from ticketpay.domain.payments import FactMismatch, Payment, PaymentState, ProviderRef
from ticketpay.domain.processes.provider_facts import open_case, open_order
from ticketpay.domain.reconciliation import DISPUTE_LOOK_SECONDS
from ticketpay.domain.refunds import (
    Dispute,
    DisputeState,
    NothingCaptured,
    RefundState,
    Split,
)
from ticketpay.ports.payments import DisputeNotice, RefundNotice

pytestmark = pytest.mark.spec("S27")

SHARES = (AccountKind.VENUE_PAYABLE, AccountKind.PLATFORM_REVENUE, AccountKind.TAX_PAYABLE)


def act(system: Sandboxed, payment: Payment, verb: str = "dispute", **given: object) -> None:
    """What the bank does; then everybody works."""
    assert payment.ref is not None
    assert bank(system.model, payment.ref.object_id, verb, **given) == 200
    work(system)


def disputes(system: Sandboxed) -> list[Dispute]:
    table = system.uow.store.of(system.scenery.tenant).disputes
    return sorted(table.values(), key=lambda d: (d.created_at, d.id))


def told(system: Sandboxed, payment: Payment) -> list[str]:
    """What the order's stream says of its tickets, and the disputes' streams of the rest."""
    messages = system.uow.store.of(system.scenery.tenant).messages.items()
    mine = {payment.order_id, *(d.id for d in disputes(system))}
    return [
        m.type
        for (key, _), m in messages
        if key.aggregate_id in mine and not m.type.startswith("order.pa")
    ]


def verified(system: Sandboxed) -> int:
    """What is at the provider, in cents; ledger and provider agree."""
    report = system.app.verify_ledger(system.scenery.tenant)
    assert report.differences == ()
    return report.provider_cents.get("USD", 0)


def posting(system: Sandboxed, fact: str) -> Posting:
    found = system.uow.store.of(system.scenery.tenant).postings.values()
    (one,) = [p for p in found if p.key.startswith(f"{fact}:")]
    return one


def notice(payment: Payment, **changes: Any) -> DisputeNotice:
    """The bank has taken the whole."""
    assert payment.ref is not None
    full = DisputeNotice(
        ref=payment.ref,
        provider_dispute_id="dp_1",
        state=DisputeState.OPEN,
        amount=payment.amount,
        fee_cents=0,
        reason="fraudulent",
    )
    return attrs.evolve(full, **changes)


def hear(system: Sandboxed, payment: Payment, heard: DisputeNotice) -> Dispute:
    """An event of the provider, without the provider."""
    desk, now = system.app.process_inbox.desk.disputes, system.clock.now()

    def run(tx: Any) -> Dispute:
        return desk.hear(tx, open_order(tx, open_case(tx, payment.id)), heard, now)

    return system.uow.run(system.scenery.tenant, run)


def test_an_inquiry_moves_nothing(system: Sandboxed) -> None:
    """A bank that asks takes no money and freezes nothing; when it is satisfied, the matter is closed."""
    payment = sell(system)
    before = system.app.trial_balance(system.scenery.tenant)
    act(system, payment, inquiry=True)
    (dispute,) = disputes(system)
    assert (dispute.state, dispute.fee_cents) == (DisputeState.INQUIRY, 0)
    assert "dispute_inquiry" in system.alerts.kinds()
    assert verified(system) == payment.amount.cents
    act(system, payment, "win")
    (dispute,) = disputes(system)
    assert dispute.state is DisputeState.CLOSED
    assert told(system, payment) == []
    assert system.app.trial_balance(system.scenery.tenant) == before
    assert ask(system, payment, amount_cents=1).outcome is Outcome.COMPLETED


@pytest.mark.spec("S24")
@pytest.mark.parametrize("asked_cents", [1, 6_000, 20_000])
def test_a_bank_that_asks_about_one_amount_takes_another(
    system: Sandboxed, asked_cents: int
) -> None:
    """What is withdrawn is what is booked, whatever the inquiry was about; it is no news later on."""
    payment = sell(system)
    currency = payment.amount.currency
    inquiry = notice(
        payment, state=DisputeState.INQUIRY, amount=Money(asked_cents, currency), reason="general"
    )
    again = attrs.evolve(inquiry, amount=Money(asked_cents + 5, currency))
    assert hear(system, payment, inquiry) == hear(system, payment, again)
    taken = hear(system, payment, notice(payment, amount=Money(6_000, currency)))
    assert (taken.state, taken.amount.cents) == (DisputeState.OPEN, 6_000)
    assert owed(system, AccountKind.DISPUTE_SUSPENSE) == -6_000
    assert hear(system, payment, inquiry) == taken
    assert disputes(system) == [taken]
    with pytest.raises(FactMismatch):
        hear(system, payment, notice(payment, amount=Money(5, currency)))


def test_withdrawn_money_is_in_suspense_and_tickets_are_frozen(system: Sandboxed) -> None:
    """An inquiry that escalates takes the money; everybody keeps a share until it is decided."""
    payment = sell(system)
    act(system, payment, inquiry=True)
    act(system, payment, "escalate")
    (dispute,) = disputes(system)
    assert (dispute.state, dispute.fee_cents) == (DisputeState.OPEN, DISPUTE_FEE)
    assert verified(system) == 0
    assert owed(system, AccountKind.DISPUTE_SUSPENSE) == -payment.amount.cents
    assert owed(system, AccountKind.PROCESSOR_FEES) == -DISPUTE_FEE
    assert owed(system, AccountKind.PROVIDER_FEES) == DISPUTE_FEE
    assert owed(system, AccountKind.VENUE_PAYABLE) == 10_000
    assert told(system, payment) == ["dispute.opened", "order.tickets_frozen"]
    assert "dispute_opened" in system.alerts.kinds()
    refused = ask(system, payment)
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "CHARGED_BACK")


def test_a_won_dispute_leaves_the_sale_as_it_was(system: Sandboxed) -> None:
    """The money is back, the tickets are good again and can be refunded; the fee is lost."""
    payment = sell(system)
    act(system, payment)
    act(system, payment, "win")
    (dispute,) = disputes(system)
    assert dispute.state is DisputeState.WON
    assert verified(system) == payment.amount.cents
    assert owed(system, AccountKind.DISPUTE_SUSPENSE) == 0
    assert owed(system, AccountKind.PROVIDER_FEES) == DISPUTE_FEE
    assert told(system, payment) == [
        "dispute.opened",
        "order.tickets_frozen",
        "dispute.won",
        "order.tickets_thawed",
    ]
    ask(system, payment)
    work(system)
    assert refunds(system)[0].state is RefundState.COMPLETED
    assert verified(system) == KEPT * 2


def test_a_won_dispute_credits_the_current_account(system: Sandboxed) -> None:
    """What was withdrawn from one account comes back to that which the payment is at now."""
    payment = sell(system)
    hear(system, payment, notice(payment))
    moved = attrs.evolve(
        payment, ref=ProviderRef("stripe", "acct_new", livemode=False, object_id="pi_new")
    )
    now = system.clock.now()
    system.uow.run(system.scenery.tenant, lambda tx: tx.payments.save(moved, None, now))
    hear(system, payment, notice(payment, state=DisputeState.WON))
    withdrawn, won = posting(system, "dispute_withdrawn"), posting(system, "dispute_won")
    assert [e.account.party for e in withdrawn.entries if e.cents < 0] == ["platform"]
    assert [e.account.party for e in won.entries if e.cents > 0] == ["acct_new"]
    assert owed(system, AccountKind.DISPUTE_SUSPENSE) == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_lost_dispute_voids_the_tickets(system: Sandboxed, count: int) -> None:
    """Venue, platform and taxman bear it in full, what was sold as not refundable, too; seats are free."""
    payment = sell(system, "A1", count=count)
    act(system, payment)
    act(system, payment, "lose")
    (dispute,) = disputes(system)
    assert (dispute.state, dispute.tickets) == (DisputeState.LOST, tuple(range(1, count + 2)))
    assert dispute.split is not None
    assert dispute.split.cents == payment.amount.cents
    assert verified(system) == 0
    for kind in (AccountKind.VENUE_PAYABLE, AccountKind.PLATFORM_REVENUE, AccountKind.TAX_PAYABLE):
        assert owed(system, kind) == 0
    assert told(system, payment)[2:] == ["dispute.lost", "order.tickets_voided"]
    assert system.stock() == (0, 0)
    (voided,) = [m for m in system.tickets.delivered if m.type == "order.tickets_voided"]
    assert (voided.data["disputeId"], voided.data["refundId"]) == (str(dispute.id), "")
    assert ask(system, payment).body["code"] == "CHARGED_BACK"


@pytest.mark.spec("S24")
def test_a_part_that_is_lost_leaves_the_rest_to_refund(system: Sandboxed) -> None:
    """Of a part the shares are those of a refund; tickets stay good; refund and charge-back are the whole."""
    payment = sell(system)
    act(system, payment, amount=4_000)
    assert verified(system) == payment.amount.cents - 4_000
    assert (
        ask(system, payment, amount_cents=payment.amount.cents - 3_999).outcome is Outcome.REFUSED
    )
    act(system, payment, "lose")
    (dispute,) = disputes(system)
    assert dispute.split is not None
    assert dispute.split.fees_cents == 920 * 4_000 // payment.amount.cents
    assert told(system, payment)[-1] == "order.tickets_thawed"
    rest = ask(system, payment)
    assert rest.body["amountCents"] == payment.amount.cents - 4_000 - KEPT * 2
    assert rest.body["tickets"] == [1, 2]


@pytest.mark.spec("S24")
def test_a_refund_beside_a_dispute_is_not_sent_twice(system: Sandboxed) -> None:
    """A refund that the bank has forestalled fails, and gives its money back to those who had it."""
    payment = sell(system)
    ask(system, payment, amount_cents=5_000)
    assert payment.ref is not None
    assert bank(system.model, payment.ref.object_id) == 200
    work(system)
    (refund,) = refunds(system)
    assert refund.state is RefundState.FAILED
    assert verified(system) == 0
    assert owed(system, AccountKind.VENUE_PAYABLE) == 10_000
    act(system, payment, "lose")
    assert verified(system) == 0
    assert owed(system, AccountKind.VENUE_PAYABLE) == owed(system, AccountKind.TAX_PAYABLE) == 0


@pytest.mark.spec("S24")
def test_a_dispute_that_is_lost_before_the_refund_fails(system: Sandboxed) -> None:
    """The platform bears nothing that a refund, which can never be made, seems to have taken."""
    payment = sell(system)
    ask(system, payment, amount_cents=5_000)
    hear(system, payment, notice(payment, state=DisputeState.LOST))
    assert payment.ref is not None
    bank(system.model, payment.ref.object_id)
    bank(system.model, payment.ref.object_id, "lose")
    system.app.janitor()
    assert refunds(system)[0].state is RefundState.FAILED
    assert verified(system) == 0
    for kind in (AccountKind.VENUE_PAYABLE, AccountKind.PLATFORM_REVENUE, AccountKind.TAX_PAYABLE):
        assert owed(system, kind) == 0


@pytest.mark.spec("S24")
def test_what_a_refund_has_left_can_be_disputed(system: Sandboxed) -> None:
    """After a partial refund the bank takes the rest; lost, nothing is left and the tickets are void."""
    payment = sell(system)
    ask(system, payment, tickets=(1,))
    work(system)
    assert order_state(system, payment) is OrderState.PARTIALLY_REFUNDED
    rest = payment.amount.cents - refunds(system)[0].amount.cents
    act(system, payment, amount=rest)
    act(system, payment, "lose")
    (dispute,) = disputes(system)
    assert dispute.tickets == (2,)
    assert verified(system) == 0
    assert owed(system, AccountKind.VENUE_PAYABLE) == 0
    voided = [m.data["tickets"] for m in system.tickets.delivered if m.type.endswith("voided")]
    assert voided == [[1], [2]]


def test_requests_give_way(system: Sandboxed) -> None:
    """What a buyer has asked for and nobody agreed to ends when the bank takes the money."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    first = ask(system, payment, buyer, amount_cents=7_000)
    small = ask(system, payment, buyer, amount_cents=1_000)
    act(system, payment, amount=5_000)
    states = {str(r.id): r.state for r in refunds(system)}
    assert states[str(first.body["id"])] is RefundState.FAILED
    assert states[str(small.body["id"])] is RefundState.PENDING
    refused = decide(system, str(first.body["id"]), somebody(system))
    assert refused.body["code"] == "REFUND_DECIDED"


def test_more_than_was_sold_is_the_platforms(system: Sandboxed) -> None:
    """A bank that takes more than is left of the sale takes the difference from the platform."""
    payment = sell(system)
    much = Money(payment.amount.cents + 300, payment.amount.currency)
    lost = hear(system, payment, notice(payment, amount=much, state=DisputeState.LOST))
    assert lost.split is not None
    assert owed(system, AccountKind.PLATFORM_REVENUE) == -300
    assert owed(system, AccountKind.VENUE_PAYABLE) == 0


@pytest.mark.spec("S27", "S35")
@pytest.mark.parametrize("end", ["win", "lose"])
@pytest.mark.parametrize("order", range(12))
def test_any_order_and_any_number_of_events_end_the_same(
    system: Sandboxed, end: str, order: int
) -> None:
    """Backwards, shuffled, twice: state, books, tickets and the dispute's own events are the same."""
    payment = sell(system)
    work(system)
    assert payment.ref is not None
    bank(system.model, payment.ref.object_id, inquiry=True)
    bank(system.model, payment.ref.object_id, "escalate")
    bank(system.model, payment.ref.object_id, end)
    system.clock.advance(5)
    deliveries = system.model.due_deliveries() * 2
    random.Random(order).shuffle(deliveries)  # noqa: S311 - repeatable, not secret
    for delivery in deliveries:
        system.app.receive_webhook(delivery.body, delivery.headers["stripe-signature"])
        system.app.process_inbox()
    work(system)
    (dispute,) = disputes(system)
    won = end == "win"
    assert dispute.state is (DisputeState.WON if won else DisputeState.LOST)
    assert dispute.fee_cents == DISPUTE_FEE
    assert verified(system) == (payment.amount.cents if won else 0)
    assert owed(system, AccountKind.DISPUTE_SUSPENSE) == 0
    ended = (
        ["dispute.won", "order.tickets_thawed"] if won else ["dispute.lost", "order.tickets_voided"]
    )
    assert told(system, payment) == ["dispute.opened", "order.tickets_frozen", *ended]


def test_a_fee_that_is_told_late_is_booked_once(system: Sandboxed) -> None:
    """Whatever the state by then, the fee is booked when it is first told, and not again."""
    payment = sell(system)
    hear(system, payment, notice(payment, state=DisputeState.LOST))
    for _ in range(2):
        heard = hear(system, payment, notice(payment, fee_cents=1_500))
        assert (heard.state, heard.fee_cents) == (DisputeState.LOST, 1_500)
    assert owed(system, AccountKind.PROVIDER_FEES) == 1_500


def test_what_contradicts_is_kept_as_evidence(system: Sandboxed) -> None:
    """Another amount, another currency, or two ends: nothing moves."""
    payment = sell(system)
    won = hear(system, payment, notice(payment, state=DisputeState.WON))
    for wrong in (
        notice(payment, amount=Money(5, payment.amount.currency)),
        notice(payment, state=DisputeState.LOST),
        notice(payment, provider_dispute_id="dp_2", amount=Money(5, Currency.of("eur"))),
    ):
        with pytest.raises(FactMismatch):
            hear(system, payment, wrong)
    assert disputes(system) == [won]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    "changes", [{"object_id": "pi_not_ours"}, {"account": "acct_somebody_else"}]
)
def test_metadata_do_not_make_a_dispute_ours(
    system: Sandboxed,
    changes: dict[str, Any],
    known: bool,  # noqa: FBT001 - drawn
) -> None:
    """A dispute about another intent that names our payment is refused, first or later."""
    payment = sell(system)
    assert payment.ref is not None
    if known:
        hear(system, payment, notice(payment))
    before = (disputes(system), told(system, payment))
    forged = attrs.evolve(payment.ref, **changes)
    for state in (DisputeState.OPEN, DisputeState.LOST):
        with pytest.raises(FactMismatch, match="another intent"):
            hear(system, payment, notice(payment, ref=forged, state=state))
    assert (disputes(system), told(system, payment)) == before


def test_a_dispute_waits_for_its_payment(system: Sandboxed) -> None:
    """Nothing is booked of a payment whose own success has not been heard; the event comes again."""
    payment = sell(system, card="threeDSecureRequired")
    with pytest.raises(NothingCaptured):
        hear(system, payment, notice(payment))
    assert issubclass(NothingCaptured, Conflict)
    assert disputes(system) == []


def test_two_disputes_of_one_payment(system: Sandboxed) -> None:
    """Tickets are frozen once, stay so while one is open, and are void when both have taken all."""
    payment = sell(system, card="createMultipleDisputes")
    work(system)
    assert [d.state for d in disputes(system)] == [DisputeState.OPEN] * 2
    left = payment.amount.cents % 2
    assert verified(system) == left
    for dispute in list(disputes(system)):
        path = f"/_sandbox/disputes/{dispute.provider_dispute_id}/lose"
        assert system.model.request("POST", path, {}, b"{}").status == 200
        work(system)
    assert verified(system) == left
    tickets = [kind for kind in told(system, payment) if kind.startswith("order.tickets")]
    assert tickets == ["order.tickets_frozen", "order.tickets_voided"]


@pytest.mark.parametrize(
    ("card", "state"),
    [
        ("createDispute", DisputeState.OPEN),
        ("createDisputeProductNotReceived", DisputeState.OPEN),
        ("createDisputeInquiry", DisputeState.INQUIRY),
    ],
)
def test_cards_that_dispute(system: Sandboxed, card: str, state: DisputeState) -> None:
    """A card that disputes at once; without an answer the bank has won after nine days."""
    payment = sell(system, card=card)
    work(system)
    assert [d.state for d in disputes(system)] == [state]
    verified(system)
    work(system, 9 * 86_400 + 1)
    opened = state is DisputeState.OPEN
    (dispute,) = disputes(system)
    assert dispute.state is (DisputeState.LOST if opened else DisputeState.CLOSED)
    assert verified(system) == (0 if opened else payment.amount.cents)


def test_a_late_success_that_is_disputed(system: Sandboxed) -> None:
    """Money of a sale that was over is taken from where it lies; its refund fails, no ticket hears of it."""
    payment = sell(system)
    cancelled = attrs.evolve(payment, state=PaymentState.CANCELLED)
    late = suspense_posting(
        payment_id=payment.id,
        provider_account="",
        amount=payment.amount,
        posted_at=system.clock.now(),
    )
    tables = system.uow.store.of(system.scenery.tenant)
    lost = notice(payment, state=DisputeState.LOST)

    def run(tx: Any) -> Dispute:
        tx.ledger.post(late)
        tables.payments.put(payment.id, cancelled)
        case = open_order(tx, open_case(tx, payment.id))
        return system.app.process_inbox.desk.disputes.hear(tx, case, lost, system.clock.now())

    dispute = system.uow.run(system.scenery.tenant, run)
    assert (dispute.state, dispute.split, dispute.tickets) == (DisputeState.LOST, None, ())
    assert owed(system, AccountKind.SUSPENSE) == owed(system, AccountKind.DISPUTE_SUSPENSE) == 0
    assert told(system, payment) == ["dispute.opened", "dispute.lost"]
    assert ask(system, payment).body["code"] == "CHARGED_BACK"


@pytest.mark.spec("S24", "S27", "S30", "S35")
@pytest.mark.parametrize("left_cents", [0, 4_000])
@pytest.mark.parametrize("words", [[], ["completed"], ["failed"], ["completed", "failed"]])
def test_late_money_that_was_refunded_and_disputed(words: list[str], left_cents: int) -> None:
    """Whatever is heard first: suspense keeps what nobody took, what went twice is the platform's loss."""
    ends = set()
    for place in range(len(words) + 1):
        system = Sandboxed(seed=1)
        payment = sell(system)
        earned = owed(system, AccountKind.PLATFORM_REVENUE)
        make_late(system, payment)
        (refund,) = refunds(system)
        lost = Money(payment.amount.cents - left_cents, payment.amount.currency)
        heard: list[Any] = [
            RefundNotice(
                ref=refund.ref,
                provider_refund_id="re_1",
                refund_id=str(refund.id),
                state=RefundState(word),
                amount=payment.amount,
            )
            for word in words
        ]
        heard.insert(place, notice(payment, amount=lost, state=DisputeState.LOST))
        for one in heard:
            tell(system, payment, one)
            assert owed(system, AccountKind.SUSPENSE) >= 0
        loss = earned - owed(system, AccountKind.PLATFORM_REVENUE)
        ends.add((owed(system, AccountKind.SUSPENSE), loss))
    failed = words[-1:] == ["failed"]
    assert ends == {(left_cents, 0) if failed else (0, lost.cents)}


LATE_STORIES: dict[str, tuple[list[Any], tuple[int, int]]] = {
    "lost": ([DisputeState.LOST], (0, 0)),
    "open, then lost": ([DisputeState.OPEN, DisputeState.LOST], (0, 0)),
    "won": ([DisputeState.WON], (0, 0)),
    "open, then won": ([DisputeState.OPEN, DisputeState.WON], (0, 0)),
    "refunded there, then lost": (["re_9", DisputeState.LOST], (0, 11_945)),
    "lost, then refunded there": ([DisputeState.LOST, "re_9"], (0, 11_945)),
}


@pytest.mark.spec("S24", "S27", "S30", "S35")
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("told", LATE_STORIES)
def test_late_money_ends_the_same_however_it_is_told(
    told: str,
    waits: bool,  # noqa: FBT001 - drawn
) -> None:
    """A request that nobody has agreed to takes nothing, and what staff refunded there is booked.

    Suspense is empty in the end; a won dispute sends the money back, which takes it from there.
    """
    system = Sandboxed(seed=1)
    payment = sell(system)
    earned = owed(system, AccountKind.PLATFORM_REVENUE)
    make_late(system, payment)
    (sent,) = refunds(system)
    failed = RefundNotice(
        ref=sent.ref,
        provider_refund_id="re_1",
        refund_id=str(sent.id),
        state=RefundState.FAILED,
        amount=payment.amount,
    )
    tell(system, payment, failed)
    if waits:
        buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
        assert ask(system, payment, buyer).body["needsApproval"]
    steps, end = LATE_STORIES[told]
    for step in steps:
        if isinstance(step, DisputeState):
            tell(system, payment, notice(payment, state=step))
            continue
        there = attrs.evolve(failed, provider_refund_id=step, refund_id="")
        tell(system, payment, attrs.evolve(there, state=RefundState.COMPLETED))
    loss = earned - owed(system, AccountKind.PLATFORM_REVENUE)
    assert (owed(system, AccountKind.SUSPENSE), loss) == end
    if "won" in told:
        assert [r.reason for r in refunds(system) if r.counts] == ["late_success"]


def make_late(system: Sandboxed, payment: Payment) -> None:
    """The payment's money came when its sale was over, and goes back."""
    amount, now = payment.amount, system.clock.now()
    cancelled = attrs.evolve(payment, state=PaymentState.CANCELLED)
    late = suspense_posting(
        payment_id=payment.id, provider_account="", amount=amount, posted_at=now
    )
    tables = system.uow.store.of(system.scenery.tenant)

    def run(tx: Any) -> None:
        tables.payments.put(payment.id, cancelled)
        tx.ledger.post(late)
        case = open_order(tx, open_case(tx, payment.id))
        system.app.process_inbox.desk.refunds.send_back(tx, case.payment, case.order, amount, now)

    system.uow.run(system.scenery.tenant, run)


@pytest.mark.spec("S24", "S27")
def test_a_dashboard_refund_that_failed_before_the_dispute(system: Sandboxed) -> None:
    """Heard of behind the dispute it is adopted as failed, and moves nothing."""
    payment = sell(system, sandbox_refund="fails_later")
    assert payment.ref is not None
    assert refund_at_provider(system.model, payment.ref.object_id, 1_500) == 200
    system.clock.advance(15)
    late = system.model.due_deliveries()
    act(system, payment)
    for delivery in reversed(late):
        system.receive(delivery)
        system.app.process_inbox()
    work(system)
    (refund,) = refunds(system)
    assert (refund.state, refund.split) == (RefundState.FAILED, None)
    assert verified(system) == 0
    assert owed(system, AccountKind.SUSPENSE) == 0


@pytest.mark.spec("S27", "S38")
@pytest.mark.parametrize(("verb", "end"), [("win", DisputeState.WON), ("lose", DisputeState.LOST)])
def test_an_end_that_nobody_has_heard_of(system: Sandboxed, verb: str, end: DisputeState) -> None:
    """The bank is asked once a day about an open dispute, and no more about one that is decided."""
    payment = sell(system)
    act(system, payment)
    timers = system.uow.store.platform.timers
    assert [key[1:] for key, _ in timers.items()] == [(TimerKind.PAYMENT, payment.id)]
    work(system, DISPUTE_LOOK_SECONDS)
    assert disputes(system)[0].state is DisputeState.OPEN
    assert payment.ref is not None
    assert bank(system.model, payment.ref.object_id, verb) == 200
    for delivery in system.model.due_deliveries():
        system.model.delivery_result(delivery.id, 200)
    work(system, DISPUTE_LOOK_SECONDS - 60)
    assert disputes(system)[0].state is DisputeState.OPEN
    work(system, 60)
    assert disputes(system)[0].state is end
    assert verified(system) == (payment.amount.cents if verb == "win" else 0)
    work(system, DISPUTE_LOOK_SECONDS)
    assert len(timers) == 0


@pytest.mark.spec("S27", "S38")
def test_a_dispute_that_nobody_has_heard_of(system: Sandboxed) -> None:
    """Asked about by hand, or after a refusal, the payment's disputes come to light."""
    for by_hand in (True, False):
        payment = sell(system)
        work(system)
        assert payment.ref is not None
        assert bank(system.model, payment.ref.object_id) == 200
        for delivery in system.model.due_deliveries():
            system.model.delivery_result(delivery.id, 200)
        if by_hand:
            heard = system.app.refunding.sync_payment(system.scenery.tenant, payment.id)
            assert [d.state for d in heard.disputes] == [DisputeState.OPEN]
        else:
            ask(system, payment)
            work(system)
            work(system, 60)
        assert disputes(system)[-1].payment_id == payment.id
        assert verified(system) == 0


@pytest.mark.spec("S24", "S25", "S27")
@pytest.mark.parametrize("cents", [1, 1_500, 10_000])
def test_a_lost_dispute_is_shared_anew(system: Sandboxed, cents: int) -> None:
    """A refund's failure is heard behind a lost dispute of the whole: each bears what was its own."""
    payment = sell(system, sandbox_refund="fails_later")
    assert payment.ref is not None
    assert refund_at_provider(system.model, payment.ref.object_id, cents) == 200
    work(system)
    assert refunds(system)[0].state is RefundState.COMPLETED
    system.clock.advance(15)
    late = system.model.due_deliveries()
    act(system, payment)
    act(system, payment, "lose")
    assert owed(system, AccountKind.PLATFORM_REVENUE) == -cents, "the platform bears the excess"
    for delivery in late:
        system.receive(delivery)
        system.app.process_inbox()
    work(system)
    assert refunds(system)[0].state is RefundState.FAILED
    for kind in (AccountKind.VENUE_PAYABLE, AccountKind.PLATFORM_REVENUE, AccountKind.TAX_PAYABLE):
        assert owed(system, kind) == 0
    assert verified(system) == 0
    whole = posting(system, "dispute_lost").entries
    anew = posting(system, "divided_failed")
    assert anew.key == f"divided_failed:{payment.id}:{refunds(system)[0].id}"
    (dispute,) = disputes(system)
    assert dispute.split == Split(venue_cents=10_000, fees_cents=920, taxes_cents=1_025)
    assert len(anew.entries) <= len(whole)


@pytest.mark.spec("S24", "S27")
@pytest.mark.parametrize("won_first", [True, False])
def test_the_last_dispute_ends_the_tickets(system: Sandboxed, won_first: bool) -> None:  # noqa: FBT001 - drawn
    """All the money is lost while another dispute is open here: the end of that one voids the tickets."""
    payment = sell(system)
    work(system)
    part = notice(payment, provider_dispute_id="dp_2", amount=Money(500, payment.amount.currency))
    hear(system, payment, part)
    won, lost = (
        attrs.evolve(part, state=DisputeState.WON),
        notice(payment, state=DisputeState.LOST),
    )
    for heard in (won, lost) if won_first else (lost, won):
        hear(system, payment, heard)
    work(system)
    words = [m.type.removeprefix("order.tickets_") for m in system.tickets.delivered]
    assert words[-1] == "voided"
    assert words.count("voided") == 1
    assert sorted(n for d in disputes(system) for n in d.tickets) == [1, 2]
    assert ask(system, payment).body["code"] == "CHARGED_BACK"


@pytest.mark.spec("S24", "S27", "S38")
def test_a_dashboard_refund_that_is_heard_before_the_win(system: Sandboxed) -> None:
    """The provider has sent it, whatever we still think of the bank: it is booked, and so is the win."""
    payment = sell(system)
    act(system, payment)
    assert payment.ref is not None
    assert bank(system.model, payment.ref.object_id, "win") == 200
    for delivery in system.model.due_deliveries():
        system.model.delivery_result(delivery.id, 200)
    assert refund_at_provider(system.model, payment.ref.object_id, 5_000) == 200
    work(system)
    (refund,) = refunds(system)
    assert (refund.amount.cents, refund.state) == (5_000, RefundState.COMPLETED)
    assert disputes(system)[0].state is DisputeState.OPEN
    for _ in range(2):
        work(system, DISPUTE_LOOK_SECONDS)
    assert disputes(system)[0].state is DisputeState.WON
    assert verified(system) == payment.amount.cents - 5_000
    assert len(system.uow.store.platform.timers) == 0


@pytest.mark.spec("S24", "S27", "S35")
@pytest.mark.parametrize("fate", ["stands", "fails"])
@pytest.mark.parametrize("left_cents", [0, 2_000])
def test_the_end_is_the_same_in_any_order(fate: str, left_cents: int) -> None:
    """A dashboard refund, its failure, a lost dispute and one that is won, in every order that can be.

    The shares are the same, and so is what the order says.
    """
    ends = set()
    for order in itertools.permutations(range(4)):
        system = Sandboxed(seed=1)
        payment = sell(system)
        currency = payment.amount.currency
        part = notice(payment, provider_dispute_id="dp_2", amount=Money(4_000, currency))
        rest_cents = payment.amount.cents - 3_000 - left_cents
        lost = notice(payment, amount=Money(rest_cents, currency))
        back = RefundNotice(
            ref=lost.ref,
            provider_refund_id="re_1",
            refund_id="",
            state=RefundState.COMPLETED,
            amount=Money(3_000, currency),
        )
        over = attrs.evolve(back, state=RefundState.FAILED if fate == "fails" else back.state)
        heard: list[Any] = [back, attrs.evolve(lost, state=DisputeState.LOST)]
        heard += [attrs.evolve(part, state=DisputeState.WON), over]
        if order.index(3) < order.index(0):
            continue
        for place in order:
            tell(system, payment, heard[place])
        ends.add((order_state(system, payment), *(owed(system, kind) for kind in SHARES)))
    assert len(ends) == 1
    said = {"fails": "paid", "stands": "partially_refunded" if left_cents else "refunded"}
    assert {state for state, *_ in ends} == {said[fate]}


def tell(system: Sandboxed, payment: Payment, heard: Any) -> None:
    """An event about a refund or a dispute."""
    if isinstance(heard, DisputeNotice):
        hear(system, payment, heard)
        return
    desk, now = system.app.process_inbox.desk.refunds, system.clock.now()

    def run(tx: Any) -> None:
        case = open_order(tx, open_case(tx, payment.id))
        desk.hear(tx, case.payment, case.order, heard, now)

    system.uow.run(system.scenery.tenant, run)


@pytest.mark.spec("S27", "S30")
def test_late_money_that_a_bank_gives_back_goes_to_its_buyer(system: Sandboxed) -> None:
    """Its refund was refused while the bank held it: when the dispute is won it is sent again."""
    payment = sell(system)
    work(system)
    tables = system.uow.store.of(system.scenery.tenant)

    def late(tx: Any) -> None:
        tables.payments.put(payment.id, attrs.evolve(payment, state=PaymentState.CANCELLED))

    system.uow.run(system.scenery.tenant, late)
    opened = notice(payment)
    hear(system, payment, opened)
    assert refunds(system) == []
    hear(system, payment, attrs.evolve(opened, state=DisputeState.WON))
    (refund,) = refunds(system)
    assert (refund.amount, refund.reason, refund.split) == (payment.amount, "late_success", None)


@pytest.mark.spec("S24", "S27")
def test_tickets_that_a_won_dispute_has_ended_stay_void(system: Sandboxed) -> None:
    """Refunded once more, because an earlier refund came back, they are not given back again."""
    payment = sell(system, sandbox_refund="fails_later")
    assert payment.ref is not None
    assert refund_at_provider(system.model, payment.ref.object_id, 3_000) == 200
    work(system)
    currency = payment.amount.currency
    part = notice(payment, provider_dispute_id="dp_2", amount=Money(100, currency))
    rest = notice(payment, amount=Money(8_845, currency), state=DisputeState.LOST)
    for heard in (part, rest, attrs.evolve(part, state=DisputeState.WON)):
        hear(system, payment, heard)
    assert sorted(n for d in disputes(system) for n in d.tickets) == [1, 2]
    work(system, 15)
    assert refunds(system)[0].state is RefundState.FAILED
    again = ask(system, payment)
    assert again.outcome is Outcome.COMPLETED
    assert again.body["tickets"] == []


def test_a_settled_inbox(system: Sandboxed) -> None:
    """Every event of a dispute says in the inbox what came of it."""
    payment = sell(system)
    act(system, payment)
    rows = system.uow.store.platform.settled.values()
    notes = [row.note for row in rows if row.event.event_type.startswith("charge.dispute.")]
    (dispute,) = disputes(system)
    assert notes == [f"dispute {dispute.id} is open"] * 2
    assert all(row.status is InboxStatus.PROCESSED for row in rows)
