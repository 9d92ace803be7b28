"""Refunds from beginning to end: who may, how much, what the provider says, what is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order, refund_at_provider
from ticketpay.domain.kernel.errors import FieldError, Forbidden, InvalidInput, NotFound
from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId
from ticketpay.domain.ledger import AccountKind
from ticketpay.domain.messaging import (
    Answer,
    IdempotencyKeyReused,
    InboxStatus,
    KeyScope,
    Outcome,
    request_hash,
)
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import Payment
from ticketpay.domain.processes.refund_commands import Decision, RefundRequest
from ticketpay.domain.refunds import Refund, RefundReason, RefundState

pytestmark = pytest.mark.spec("S24")

KEPT = 50
"""The issuing fee of a ticket, which is sold as not refundable, in cents."""


def sell(
    system: Sandboxed, *seats: str, count: int = 2, card: str = "visa", **meta: str
) -> Payment:
    """A paid sale; its card or metadata may say how refunds go."""
    demand = system.scenery.demand(count, *seats)
    answer = system.app.checkout(
        place_order(system.scenery.actor(), uuid4(), demand, card, metadata=meta)
    )
    return payment_of(system, str(answer.body["id"]))


def payment_of(system: Sandboxed, ident: str) -> Payment:
    found = system.uow.store.of(system.scenery.tenant).payments.get(PaymentId(UUID(ident)))
    assert found is not None
    return found


def somebody(system: Sandboxed, role: Role = Role.SUPPORT, **changes: Any) -> Actor:
    actor = attrs.evolve(system.scenery.actor(), role=role)
    return attrs.evolve(actor, **changes)


def ask(system: Sandboxed, payment: Payment, actor: Actor | None = None, **wish: Any) -> Answer:
    """One request under a key of its own."""
    who, key = actor or somebody(system), wish.pop("key", uuid4())
    return system.app.refunding.ask(
        RefundRequest(
            actor=who,
            key=KeyScope(who.user_id, key),
            request_hash=request_hash("refund", {k: str(v) for k, v in wish.items()}),
            payment_id=payment.id,
            **wish,
        )
    )


def decide(system: Sandboxed, refund: str, actor: Actor, *, approve: bool = True) -> Answer:
    return system.app.refunding.decide(
        Decision(
            actor=actor,
            key=KeyScope(actor.user_id, uuid4()),
            request_hash="x",
            refund_id=RefundId(UUID(refund)),
            approve=approve,
        )
    )


def refunds(system: Sandboxed) -> list[Refund]:
    return sorted(
        system.uow.store.of(system.scenery.tenant).refunds.values(), key=lambda r: r.created_at
    )


def order_state(system: Sandboxed, payment: Payment) -> OrderState:
    order = system.uow.store.of(system.scenery.tenant).orders.get(payment.order_id)
    assert order is not None
    return order.state


def work(system: Sandboxed, seconds: int = 0) -> None:
    """Everybody works until nothing is due."""
    system.clock.advance(seconds)
    system.receive_all()
    for _ in range(5):
        if not system.work():
            break


def told(system: Sandboxed, refund: Refund) -> list[str]:
    """What the refund's stream says."""
    messages = system.uow.store.of(system.scenery.tenant).messages.items()
    return [
        m.type
        for (key, _), m in sorted(messages, key=lambda r: r[0][1])
        if key.aggregate_id == refund.id
    ]


def owed(system: Sandboxed, kind: AccountKind) -> int:
    balances = system.app.trial_balance(system.scenery.tenant)
    return -sum(b.cents for b in balances if b.account.kind is kind)


def test_a_whole_refund(system: Sandboxed) -> None:
    """All that was sold as refundable goes back; the tickets are void and for sale again."""
    payment = sell(system, "A1")
    answer = ask(system, payment)
    assert answer.outcome is Outcome.COMPLETED
    back = payment.amount.cents - KEPT * 3
    assert (answer.body["amountCents"], answer.body["status"]) == (back, "pending")
    assert answer.body["tickets"] == [1, 2, 3]
    assert system.stock() == (0, 0)
    work(system)
    (refund,) = refunds(system)
    assert refund.state is RefundState.COMPLETED
    assert told(system, refund) == ["refund.initiated", "refund.completed"]
    assert order_state(system, payment) is OrderState.REFUNDED
    report = system.app.verify_ledger(system.scenery.tenant)
    assert (report.differences, report.provider_cents["USD"]) == ((), KEPT * 3)
    assert owed(system, AccountKind.VENUE_PAYABLE) == owed(system, AccountKind.TAX_PAYABLE) == 0
    assert owed(system, AccountKind.PLATFORM_REVENUE) == KEPT * 3
    voided = [m for m in system.tickets.delivered if m.type == "order.tickets_voided"]
    assert [m.data["tickets"] for m in voided] == [[1, 2, 3]]
    shown = system.app.show_payment(somebody(system), payment.id)
    assert shown["status"] == "completed"


@pytest.mark.spec("S24 D1")
def test_refunds_by_ticket_and_by_amount_add_up(system: Sandboxed) -> None:
    """One ticket, then an amount, then the rest: the order is partly and then wholly refunded."""
    payment = sell(system)
    first = ask(system, payment, tickets=(2,))
    assert first.body["tickets"] == [2]
    assert system.stock() == (1, 0)
    work(system)
    assert order_state(system, payment) is OrderState.PARTIALLY_REFUNDED
    ask(system, payment, amount_cents=1_000)
    work(system)
    rest = ask(system, payment)
    assert rest.body["tickets"] == [1]
    work(system)
    assert sum(r.amount.cents for r in refunds(system)) == payment.amount.cents - KEPT * 2
    assert order_state(system, payment) is OrderState.REFUNDED
    assert ask(system, payment).body["code"] == "ALREADY_REFUNDED"
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S24 D2")
def test_the_same_key_refunds_once(system: Sandboxed) -> None:
    """A repetition is answered as before and changes nothing; another wish under the key is refused."""
    payment, actor, key = sell(system), somebody(system), uuid4()
    first = ask(system, payment, actor, key=key, amount_cents=500)
    again = ask(system, payment, actor, key=key, amount_cents=500)
    assert again == attrs.evolve(first, replayed=True)
    with pytest.raises(IdempotencyKeyReused):
        ask(system, payment, actor, key=key, amount_cents=501)
    assert len(refunds(system)) == 1


@pytest.mark.spec("S24 D1", "S24 D2")
def test_what_is_under_way_counts(system: Sandboxed) -> None:
    """Two requests of 60 on 100: the second is refused, and its refusal is stored under its key."""
    payment, actor, key = sell(system), somebody(system), uuid4()
    most = payment.amount.cents * 6 // 10
    ask(system, payment, amount_cents=most)
    refused = ask(system, payment, actor, key=key, amount_cents=most)
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "REFUND_TOO_LARGE")
    work(system)
    assert ask(system, payment, actor, key=key, amount_cents=most).replayed
    assert len(refunds(system)) == 1


@pytest.mark.spec("S24 D6")
@pytest.mark.parametrize("wish", [{"amount_cents": 0}, {"amount_cents": -5}, {"tickets": (9,)}])
def test_wrong_wishes_leave_the_key(system: Sandboxed, wish: dict[str, Any]) -> None:
    """Amounts below one and tickets that are not there are invalid; the key may be used again."""
    payment, actor, key = sell(system), somebody(system), uuid4()
    with pytest.raises(InvalidInput):
        ask(system, payment, actor, key=key, **wish)
    assert ask(system, payment, actor, key=key, amount_cents=5).outcome is Outcome.COMPLETED


def test_tickets_with_an_amount(system: Sandboxed) -> None:
    """Named beside an amount, tickets are refunded if that is what they were charged; else it is named."""
    payment = sell(system)
    cents = payment.amount.cents // 2 - KEPT
    with pytest.raises(InvalidInput) as caught:
        ask(system, payment, tickets=(2,), amount_cents=1)
    assert caught.value.errors == (FieldError("amountCents", f"the tickets come to {cents}"),)
    asked = ask(system, payment, tickets=(2,), amount_cents=cents)
    assert (asked.outcome, len(refunds(system))) == (Outcome.COMPLETED, 1)


@pytest.mark.spec("S24", "S30")
def test_money_that_came_too_late_is_sent_back_by_hand(system: Sandboxed) -> None:
    """When its refund has failed staff ask again: all of it, once."""
    payment = sell(system, card="visa_chargeDeclined", sandbox_refund="fails")
    sell(system, count=5)
    assert payment.ref is not None
    system.try_card(payment.ref.object_id, "visa")
    work(system, 1)
    assert ask(system, payment).body["code"] == "ALREADY_REFUNDED"
    work(system, 6)
    again = ask(system, payment)
    assert again.body["amountCents"] == payment.amount.cents
    assert ask(system, payment).body["code"] == "ALREADY_REFUNDED"
    assert [r.state for r in refunds(system)] == [RefundState.FAILED, RefundState.PENDING]
    assert owed(system, AccountKind.SUSPENSE) == 0


@pytest.mark.spec("S24 D3")
def test_what_took_no_money_is_cancelled_not_refunded(system: Sandboxed) -> None:
    """A payment that waits for its buyer, and one that was declined, have nothing to refund."""
    for card in ("threeDSecureRequired", "visa_chargeDeclined"):
        payment = sell(system, card=card)
        assert ask(system, payment).body["code"] == "NOTHING_CAPTURED"
    assert refunds(system) == []


@pytest.mark.spec("S24 D4")
def test_who_may_refund(system: Sandboxed) -> None:
    """Support, admins and the venue's manager refund; others do not even see the payment."""
    payment = sell(system)
    mine = somebody(system, Role.VENUE_MANAGER, venues=frozenset({payment.venue_id}))
    for actor in (mine, somebody(system), somebody(system, Role.ADMIN)):
        assert ask(system, payment, actor, amount_cents=1).outcome is Outcome.COMPLETED
    for actor in (
        somebody(system, Role.VENUE_MANAGER),
        somebody(system, Role.COMPLIANCE),
        somebody(system, Role.CUSTOMER),
    ):
        assert ask(system, payment, actor, amount_cents=1).body["code"] == "NOT_FOUND"
    assert len(refunds(system)) == 3


@pytest.mark.spec("S24 D4")
def test_a_buyer_requests_and_somebody_decides(system: Sandboxed) -> None:
    """A buyer's request takes headroom and nothing else until it is agreed to; then money is sent."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    asked = ask(system, payment, buyer)
    assert asked.body["needsApproval"] is True
    before = system.app.trial_balance(system.scenery.tenant)
    work(system, 3_600)
    assert system.app.trial_balance(system.scenery.tenant) == before
    assert system.stock() == (2, 0)
    assert ask(system, payment, amount_cents=1).body["code"] == "ALREADY_REFUNDED"
    for approve in (True, False):
        with pytest.raises(Forbidden):
            decide(system, str(asked.body["id"]), buyer, approve=approve)
    agreed = decide(system, str(asked.body["id"]), somebody(system))
    assert (agreed.body["needsApproval"], agreed.body["status"]) == (False, "pending")
    work(system)
    assert refunds(system)[0].state is RefundState.COMPLETED
    assert decide(system, str(asked.body["id"]), somebody(system)).body["code"] == "REFUND_DECIDED"


@pytest.mark.spec("S24 D4")
def test_two_people_for_much_money(system: Sandboxed) -> None:
    """Above the limit whoever asked does not approve; somebody else does, or rejects it."""
    limited(system, 1_000)
    payment, one, other = sell(system), somebody(system), somebody(system, Role.ADMIN)
    assert ask(system, payment, one, amount_cents=1_000).body["needsApproval"] is False
    much = ask(system, payment, one, amount_cents=1_001)
    assert much.body["needsApproval"] is True
    with pytest.raises(Forbidden):
        decide(system, str(much.body["id"]), one)
    rejected = decide(system, str(much.body["id"]), other, approve=False)
    assert (rejected.body["status"], rejected.body["needsApproval"]) == ("failed", False)
    assert rejected.body["failureCode"] == "not_approved"
    assert "failureCode" not in much.body
    again = ask(system, payment, one, amount_cents=1_001)
    decide(system, str(again.body["id"]), other)
    work(system)
    assert [r.state for r in refunds(system)].count(RefundState.COMPLETED) == 2
    assert system.app.verify_ledger(system.scenery.tenant).ok


def limited(system: Sandboxed, cents: int) -> None:
    """Above so many cents two people must agree."""
    refunding = system.app.refunding
    rules = attrs.evolve(refunding.ask.rules, approval_cents=cents)
    ask_within = attrs.evolve(refunding.ask, rules=rules)
    system.app = attrs.evolve(system.app, refunding=attrs.evolve(refunding, ask=ask_within))


@pytest.mark.spec("S24 D4")
def test_two_people_for_much_money_in_small_parts(system: Sandboxed) -> None:
    """What nobody else has agreed to adds up; what somebody agreed to, or has failed, does not count."""
    limited(system, 1_000)
    payment, one, other = sell(system), somebody(system), somebody(system, Role.ADMIN)
    assert ask(system, payment, one, amount_cents=600).body["needsApproval"] is False
    second = ask(system, payment, one, amount_cents=401)
    assert second.body["needsApproval"] is True
    assert ask(system, payment, other, amount_cents=400).body["needsApproval"] is False
    decide(system, str(second.body["id"]), other)
    assert ask(system, payment, other, amount_cents=1).body["needsApproval"] is True


@pytest.mark.spec("S24 D4", "S24 D5")
@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMIN])
def test_whoever_bought_it_is_a_buyer(system: Sandboxed, role: Role) -> None:
    """Staff request refunds of what they bought themselves as any buyer does, and decide about none."""
    payment = sell(system)
    me = somebody(system, role, user_id=payment.user_id)
    mine = ask(system, payment, me, amount_cents=5)
    assert mine.body["needsApproval"] is True
    others = ask(
        system, payment, somebody(system, Role.CUSTOMER, user_id=payment.user_id), amount_cents=5
    )
    for asked in (mine, others):
        for approve in (True, False):
            with pytest.raises(Forbidden, match="buyers"):
                decide(system, str(asked.body["id"]), me, approve=approve)
    with pytest.raises(InvalidInput) as caught:
        ask(system, payment, me, reason=RefundReason.FRAUDULENT)
    assert [e.field for e in caught.value.errors] == ["reason"]
    system.clock.advance(31 * 86_400)
    refused = ask(system, payment, me, override="I was ill")
    assert refused.body["code"] == "REFUND_WINDOW_EXPIRED"


@pytest.mark.spec("S24 D5")
def test_an_override_that_nothing_needed_is_not_recorded(system: Sandboxed) -> None:
    """In time there is nothing to override, whatever reason is given."""
    payment = sell(system)
    ask(system, payment, somebody(system, Role.ADMIN), amount_cents=5, override="to be sure")
    (entry,) = system.uow.store.of(system.scenery.tenant).audit_entries.values()
    assert (entry.reason, "override" in entry.details) == ("", False)


@pytest.mark.spec("S24 D5")
def test_after_the_window_an_admin_gives_a_reason(system: Sandboxed) -> None:
    """Thirty-one days later nobody refunds, but an admin who says why, and that is recorded."""
    payment = sell(system)
    system.clock.advance(31 * 86_400)
    admin = somebody(system, Role.ADMIN)
    for actor, why in ((somebody(system), "please"), (admin, "")):
        refused = ask(system, payment, actor, override=why)
        assert refused.body["code"] == "REFUND_WINDOW_EXPIRED"
    assert ask(system, payment, admin, override="the show was moved").outcome is Outcome.COMPLETED
    (entry,) = system.uow.store.of(system.scenery.tenant).audit_entries.values()
    assert (entry.action, entry.reason) == ("refund.request", "the show was moved")
    assert entry.details["override"] is True


@pytest.mark.spec("S25")
@pytest.mark.parametrize("fate", ["pending", "fails", "fails_later"])
def test_what_becomes_of_a_refund_at_the_provider(system: Sandboxed, fate: str) -> None:
    """Slow ones are booked when they are done; failed ones, even late, restore headroom and are told."""
    payment = sell(system, sandbox_refund=fate)
    ask(system, payment)
    for seconds in (0, 6, 12, 700):
        work(system, seconds)
    (refund,) = refunds(system)
    report = system.app.verify_ledger(system.scenery.tenant)
    assert report.ok, report.differences
    assert owed(system, AccountKind.REFUND_CLEARING) == 0
    if fate == "pending":
        assert refund.state is RefundState.COMPLETED
        return
    assert refund.state is RefundState.FAILED
    assert told(system, refund)[-1] == "refund.failed"
    assert owed(system, AccountKind.VENUE_PAYABLE) == 10_000
    assert "refund_failed" in system.alerts.kinds()
    assert order_state(system, payment) is OrderState.FULFILLED
    assert ask(system, payment).outcome is Outcome.COMPLETED


@pytest.mark.spec("S25", "S27", "S35")
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("issued", [True, False])
def test_events_about_a_refund_in_any_order_end_the_same(
    system: Sandboxed,
    issued: bool,  # noqa: FBT001 - drawn
    parts: int,
) -> None:
    """Events before the answer, twice and the wrong way round change nothing that is known."""
    payment = sell(system, sandbox_refund="fails_later")
    if issued:
        work(system)
    for _ in range(parts):
        ask(system, payment, amount_cents=(payment.amount.cents - 2 * KEPT) // parts)
    system.app.janitor()
    system.clock.advance(15)
    deliveries = system.model.due_deliveries()
    for delivery in (*reversed(deliveries), *deliveries):
        system.app.receive_webhook(delivery.body, delivery.headers["stripe-signature"])
        system.app.process_inbox()
    for refund in refunds(system):
        assert refund.state is RefundState.FAILED
        assert told(system, refund).count("refund.failed") == 1
    assert order_state(system, payment) is (OrderState.FULFILLED if issued else OrderState.PAID)
    work(system)
    assert order_state(system, payment) is OrderState.FULFILLED
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S35")
def test_tickets_issued_late_are_known_when_the_refund_has_failed(system: Sandboxed) -> None:
    """The whole came back after it had gone, and the tickets were issued in between."""
    payment = sell(system, sandbox_refund="fails_later")
    ask(system, payment)
    system.app.janitor()
    system.receive_all()
    system.app.process_inbox()
    assert order_state(system, payment) is OrderState.REFUNDED
    system.app.relay_outbox()
    assert order_state(system, payment) is OrderState.REFUNDED
    work(system, 15)
    assert order_state(system, payment) is OrderState.FULFILLED


def at_the_provider(system: Sandboxed, payment: Payment, cents: int) -> None:
    """Staff refund in the provider's dashboard."""
    assert payment.ref is not None
    assert refund_at_provider(system.model, payment.ref.object_id, cents) == 200


@pytest.mark.spec("S24", "S27")
@pytest.mark.parametrize("whole", [True, False])
def test_a_refund_in_the_dashboard_is_adopted(system: Sandboxed, whole: bool) -> None:  # noqa: FBT001 - drawn
    """It is booked like ours, once, and voids the tickets if it was all; headroom knows of it."""
    payment = sell(system)
    at_the_provider(system, payment, payment.amount.cents if whole else 500)
    work(system)
    (refund,) = refunds(system)
    assert (refund.state, refund.reason) == (RefundState.COMPLETED, RefundReason.DASHBOARD)
    assert refund.tickets == ((1, 2) if whole else ())
    assert system.app.verify_ledger(system.scenery.tenant).ok
    left = payment.amount.cents - refund.amount.cents
    assert ask(system, payment, amount_cents=left + 1).outcome is Outcome.REFUSED


@pytest.mark.spec("S25", "S27")
@pytest.mark.parametrize("fate", ["pending", "fails", "fails_later"])
def test_every_event_of_a_dashboard_refund_is_about_that_refund(
    system: Sandboxed, fate: str
) -> None:
    """Once adopted it is known by the provider's id: later events move it, and leave nothing behind."""
    payment = sell(system, sandbox_refund=fate)
    at_the_provider(system, payment, 500)
    for seconds in (0, 6, 12):
        work(system, seconds)
    (refund,) = refunds(system)
    ended = RefundState.COMPLETED if fate == "pending" else RefundState.FAILED
    assert (refund.reason, refund.state) == (RefundReason.DASHBOARD, ended)
    assert owed(system, AccountKind.REFUND_CLEARING) == 0
    rows = system.uow.store.platform.settled.values()
    assert {row.status for row in rows} == {InboxStatus.PROCESSED}
    assert not list(system.uow.store.platform.waiting.values())


@pytest.mark.spec("S24", "S27")
def test_the_dashboard_does_what_waits_for_approval(system: Sandboxed) -> None:
    """A refund of the amount of a request that waits is that request, not a second one."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    ask(system, payment, buyer)
    at_the_provider(system, payment, payment.amount.cents - KEPT * 2)
    work(system)
    (refund,) = refunds(system)
    assert (refund.state, refund.needs_approval) == (RefundState.COMPLETED, False)
    assert system.app.verify_ledger(system.scenery.tenant).ok
    entries = system.uow.store.of(system.scenery.tenant).audit_entries.values()
    approved = [(e.actor_id, e.subject_id) for e in entries if e.action == "refund.approve"]
    assert approved == [("provider", str(refund.id))]


@pytest.mark.spec("S24", "S27")
@pytest.mark.parametrize(("left", "gives_way"), [(2_000, False), (1_999, True)])
def test_a_request_gives_way_to_the_dashboard(
    system: Sandboxed,
    left: int,
    gives_way: bool,  # noqa: FBT001 - drawn
) -> None:
    """What nobody has agreed to yet ends when the dashboard leaves too little for it, else it waits."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    asked = ask(system, payment, buyer, amount_cents=2_000)
    at_the_provider(system, payment, payment.amount.cents - KEPT * 2 - left)
    work(system)
    request, dashboard = refunds(system)
    assert (request.amount.cents, dashboard.state) == (2_000, RefundState.COMPLETED)
    assert request.state is (RefundState.FAILED if gives_way else RefundState.PENDING)
    agreed = decide(system, str(asked.body["id"]), somebody(system))
    assert agreed.body.get("code") == ("REFUND_DECIDED" if gives_way else None)


@pytest.mark.spec("S24", "S25")
def test_the_dashboard_was_faster(system: Sandboxed) -> None:
    """Ours, which the provider refuses for good, fails; then that of the dashboard is adopted."""
    payment = sell(system)
    ask(system, payment, amount_cents=1_000)
    at_the_provider(system, payment, payment.amount.cents)
    for seconds in (0, 60, 600):
        work(system, seconds)
    ours, theirs = refunds(system)
    assert (ours.state, theirs.state) == (RefundState.FAILED, RefundState.COMPLETED)
    assert owed(system, AccountKind.REFUND_CLEARING) == 0
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S24", "S38")
def test_more_than_was_sold_is_kept_as_evidence(system: Sandboxed) -> None:
    """A dashboard refund beside one of ours that has not been sent is quarantined, and verify says so."""
    payment = sell(system)
    ask(system, payment, amount_cents=1_000)
    at_the_provider(system, payment, payment.amount.cents)
    system.receive_all()
    for _ in range(8):
        system.app.process_inbox()
        system.clock.advance(3_600)
    rows = system.uow.store.platform.settled.values()
    dead = [row for row in rows if row.status is InboxStatus.DEAD]
    assert dead
    assert "webhook_dead" in system.alerts.kinds()
    assert not system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S24")
def test_after_the_start_tickets_are_not_for_sale_again(system: Sandboxed) -> None:
    """A refund after the event has begun voids the tickets and returns no stock."""
    payment = sell(system)
    system.clock.advance(timedelta(days=61).total_seconds())
    ask(system, payment, somebody(system, Role.ADMIN), override="an act was missing")
    work(system)
    assert system.stock() == (2, 0)
    assert refunds(system)[0].tickets == (1, 2)


@pytest.mark.spec("S24")
def test_a_refund_is_shown_to_those_who_may_see_its_payment(system: Sandboxed) -> None:
    """Its buyer and staff see a refund alone and in the list; for others there is none."""
    payment = sell(system)
    first = ask(system, payment, amount_cents=7).body
    ask(system, payment, amount_cents=8)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    show = system.app.refunding.show
    ident = RefundId(UUID(str(first["id"])))
    assert show(buyer, ident) == first
    assert [r["amountCents"] for r in show.of_payment(buyer, payment.id)] == [7, 8]
    stranger = somebody(system, Role.CUSTOMER)
    looks: list[Callable[[], object]] = [
        lambda: show(stranger, ident),
        lambda: show.of_payment(stranger, payment.id),
        lambda: show(buyer, RefundId(uuid4())),
    ]
    for look in looks:
        with pytest.raises(NotFound):
            look()


@pytest.mark.spec("S24 D2")
def test_twenty_requests_at_once(system: Sandboxed) -> None:
    """Of twenty requests for the whole, one gets it; the money leaves once."""
    payment = sell(system)
    answers = [ask(system, payment, somebody(system, user_id=UserId(uuid4()))) for _ in range(20)]
    assert [a.outcome for a in answers].count(Outcome.COMPLETED) == 1
    work(system)
    report = system.app.verify_ledger(system.scenery.tenant)
    assert (report.ok, report.provider_cents["USD"]) == (True, KEPT * 2)
