"""Refunds that were made at the provider, behind our back: whole, part, failed, forged, of late money."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from uuid import UUID, uuid4

import attrs
import pytest

from tests.spec.processes.test_janitor import charge_late, given_up
from tests.spec.processes.test_refunding import (
    KEPT,
    ask,
    at_the_provider,
    order_state,
    owed,
    payment_of,
    refunds,
    sell,
    somebody,
    told,
    work,
)
from tests.support.sandboxed import SECRET, Sandboxed
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import Conflict, InvalidInput, NotFound, OutcomeUnknown
from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.ledger import AccountKind
from ticketpay.domain.messaging import InboxStatus, Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Role
from ticketpay.domain.payments import Payment, ProviderUnavailable
from ticketpay.domain.refunds import Refund, RefundReason, RefundState
from ticketpay.ports.payments import RefundFact

pytestmark = pytest.mark.spec("S24", "S27")


def say(system: Sandboxed, payment: Payment, refund: str, status: str, **changes: object) -> None:
    """An event of the provider about a refund of the payment's whole, or as ``changes`` say."""
    assert payment.ref is not None
    account = changes.pop("account", None)
    shown: dict[str, object] = {
        "id": refund,
        "object": "refund",
        "amount": payment.amount.cents,
        "currency": "usd",
        "status": status,
        "payment_intent": payment.ref.object_id,
        "metadata": {},
    }
    event = {
        "id": f"evt_{uuid4().hex}",
        "type": "refund.updated",
        "created": int(system.clock.unix()),
        "account": account,
        "data": {"object": shown | changes},
    }
    raw, stamp = json.dumps(event).encode(), int(system.clock.unix())
    signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    system.app.receive_webhook(raw, f"t={stamp},v1={signed}")
    system.app.process_inbox()


def settle(system: Sandboxed) -> None:
    """All tries of every event, and every worker."""
    for _ in range(8):
        work(system, 61)


def voided(system: Sandboxed) -> list[object]:
    return [m.data["tickets"] for m in system.tickets.delivered if m.type == "order.tickets_voided"]


def dead(system: Sandboxed) -> list[str]:
    rows = system.uow.store.platform.settled.values()
    return [row.note for row in rows if row.status is InboxStatus.DEAD]


@pytest.mark.parametrize("way", ["asked", "asked in parts", "made there", "made there in parts"])
def test_all_that_was_refundable_voids_the_tickets(system: Sandboxed, way: str) -> None:
    """However the last refundable cent goes back, no ticket stays valid and all are for sale again."""
    payment = sell(system)
    back = payment.amount.cents - 2 * KEPT
    for cents in (back - 700, 700) if "parts" in way else (back,):
        if "asked" in way:
            ask(system, payment, amount_cents=cents)
        else:
            at_the_provider(system, payment, cents)
        work(system)
    assert order_state(system, payment) is OrderState.REFUNDED
    assert (voided(system), system.stock()) == ([[1, 2]], (0, 0))
    assert owed(system, AccountKind.PLATFORM_REVENUE) == 2 * KEPT
    assert owed(system, AccountKind.VENUE_PAYABLE) == owed(system, AccountKind.TAX_PAYABLE) == 0


def test_the_last_ticket_brings_the_others(system: Sandboxed) -> None:
    """A request that waits keeps its tickets until it is agreed to; then the rest are void, too."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    waiting = ask(system, payment, buyer, amount_cents=500)
    ask(system, payment, amount_cents=payment.amount.cents - 2 * KEPT - 500)
    work(system)
    assert voided(system) == []
    at_the_provider(system, payment, 500)
    work(system)
    (agreed,) = [r for r in refunds(system) if str(r.id) == waiting.body["id"]]
    assert (agreed.tickets, voided(system)) == ((1, 2), [[1, 2]])


def test_of_what_waits_only_that_gives_way_for_which_there_is_too_little(
    system: Sandboxed,
) -> None:
    """A big request that no longer fits takes no room from a small one behind it."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    ask(system, payment, buyer, amount_cents=8_000)
    ask(system, payment, buyer, amount_cents=1_000)
    at_the_provider(system, payment, 5_000)
    work(system)
    waiting = [r.amount.cents for r in refunds(system) if r.needs_approval and r.counts]
    assert waiting == [1_000]


def test_beside_what_waits_nobody_is_asked_for_a_negative_part(system: Sandboxed) -> None:
    """A ticket waits, most of the rest goes back there, the ticket is agreed to, then the last cents."""
    payment = sell(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    waiting = ask(system, payment, buyer, tickets=(1,))
    rest = payment.amount.cents - 2 * KEPT - int(str(waiting.body["amountCents"]))
    at_the_provider(system, payment, rest - 50)
    work(system)
    at_the_provider(system, payment, int(str(waiting.body["amountCents"])))
    work(system)
    ask(system, payment)
    work(system)
    parts = [r.split for r in refunds(system) if r.split]
    assert min(min(s.venue_cents, s.fees_cents, s.taxes_cents) for s in parts) >= 0
    assert order_state(system, payment) is OrderState.REFUNDED
    assert owed(system, AccountKind.PLATFORM_REVENUE) == 2 * KEPT
    assert owed(system, AccountKind.VENUE_PAYABLE) == owed(system, AccountKind.TAX_PAYABLE) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_intent": "pi_not_ours"},
        {"account": "acct_somebody_else"},
        {"currency": "eur"},
    ],
)
def test_metadata_do_not_make_a_refund_ours(system: Sandboxed, changes: dict[str, object]) -> None:
    """An event of another intent, account or currency that names our payment changes nothing."""
    payment = sell(system)
    work(system)
    names = {"tenant_id": str(system.scenery.tenant), "payment_id": str(payment.id)}
    say(system, payment, "re_forged", "succeeded", metadata=names, **changes)
    settle(system)
    assert refunds(system) == []
    # What another account says is not even tried.
    assert len(dead(system)) == ("account" not in changes)
    assert order_state(system, payment) is OrderState.FULFILLED


@pytest.mark.spec("S35")
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_refunds_of_the_whole_end_the_same_in_any_order(order: tuple[int, ...]) -> None:
    """One failed, then another succeeded: whatever is heard first, the money is gone once."""
    system = Sandboxed(seed=1)
    payment = sell(system)
    work(system)
    heard = [
        ("re_1", "pending"),
        ("re_1", "failed"),
        ("re_2", "pending"),
        ("re_2", "succeeded"),
    ]
    for place in order:
        say(system, payment, *heard[place])
    settle(system)
    ends = {r.provider_refund_id: r.state for r in refunds(system)}
    assert ends == {"re_1": RefundState.FAILED, "re_2": RefundState.COMPLETED}
    assert (dead(system), voided(system)) == ([], [[1, 2]])
    assert order_state(system, payment) is OrderState.REFUNDED
    assert owed(system, AccountKind.PLATFORM_REVENUE) == owed(system, AccountKind.TAX_PAYABLE) == 0
    assert owed(system, AccountKind.REFUND_CLEARING) == 0


def test_what_is_first_heard_of_as_failed_takes_nothing(system: Sandboxed) -> None:
    """No ticket is void, no money moves, and a request of the same amount still waits."""
    payment = sell(system)
    work(system)
    buyer = somebody(system, Role.CUSTOMER, user_id=payment.user_id)
    asked = ask(system, payment, buyer, tickets=(1,))
    before = system.app.trial_balance(system.scenery.tenant)
    say(system, payment, "re_1", "failed", amount=asked.body["amountCents"])
    say(system, payment, "re_2", "failed")
    settle(system)
    first, *made = refunds(system)
    assert (first.needs_approval, first.state) == (True, RefundState.PENDING)
    assert [(r.state, r.tickets) for r in made] == [(RefundState.FAILED, ())] * 2
    assert told(system, made[0]) == ["refund.initiated", "refund.failed"]
    assert (voided(system), system.stock(), dead(system)) == ([], (2, 0), [])
    assert system.app.trial_balance(system.scenery.tenant) == before


def late_money(system: Sandboxed, monkeypatch: pytest.MonkeyPatch) -> Payment:
    """Money of a sale that was over, whose refund the provider refused."""

    def refuses(_: StripeGateway, refund: Refund) -> RefundFact:
        return RefundFact(provider_refund_id="", state=RefundState.FAILED)

    payment = given_up(system)
    charge_late(system, payment, "pm_card_visa")
    with monkeypatch.context() as patched:
        patched.setattr(StripeGateway, "refund", refuses)
        work(system)
    assert [r.state for r in refunds(system)] == [RefundState.FAILED]
    return payment_of(system, str(payment.id))


@pytest.mark.spec("S30")
def test_late_money_is_refunded_in_the_amounts_that_are_asked_for(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many cents as asked for, not more than is left; its tickets were never sold."""
    payment = late_money(system, monkeypatch)
    with pytest.raises(InvalidInput) as caught:
        ask(system, payment, tickets=(1,))
    assert [e.field for e in caught.value.errors] == ["tickets"]
    assert ask(system, payment, amount_cents=100).body["amountCents"] == 100
    left = payment.received_cents - 100
    assert ask(system, payment, amount_cents=left + 1).body["code"] == "REFUND_TOO_LARGE"
    assert ask(system, payment).body["amountCents"] == left
    assert ask(system, payment).body["code"] == "ALREADY_REFUNDED"
    settle(system)
    assert system.app.verify_ledger(system.scenery.tenant).ok
    assert owed(system, AccountKind.SUSPENSE) == 0


@pytest.mark.spec("S30")
@pytest.mark.parametrize("part", [1, 3])
def test_late_money_may_go_back_from_there(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """Staff refund all or a third of it in the dashboard: it is booked, and the rest can be asked for."""
    payment = late_money(system, monkeypatch)
    at_the_provider(system, payment, payment.received_cents // part)
    settle(system)
    made = refunds(system)[-1]
    assert (made.reason, made.state) == (RefundReason.DASHBOARD, RefundState.COMPLETED)
    assert made.split is None
    assert system.app.verify_ledger(system.scenery.tenant).ok
    if part > 1:
        assert ask(system, payment).outcome is Outcome.COMPLETED
        settle(system)
    assert (owed(system, AccountKind.SUSPENSE), dead(system)) == (0, [])
    assert order_state(system, payment) is OrderState.EXPIRED


def unheard(system: Sandboxed, payment: Payment, cents: int) -> None:
    """Staff refund in the dashboard, and the events about it are lost."""
    system.receive_all()
    at_the_provider(system, payment, cents)
    for delivery in system.model.due_deliveries():
        system.model.delivery_result(delivery.id, 200)


@pytest.mark.spec("S38")
def test_a_refusal_shows_what_was_never_heard(system: Sandboxed) -> None:
    """A refund of ours that is too much there brings the dashboard's to light, and ours has failed."""
    payment = sell(system)
    work(system)
    unheard(system, payment, 5_000)
    ask(system, payment)
    settle(system)
    ends = [(r.reason, r.state) for r in refunds(system)]
    assert ends == [
        (RefundReason.REQUESTED_BY_CUSTOMER, RefundState.FAILED),
        (RefundReason.DASHBOARD, RefundState.COMPLETED),
    ]
    assert system.app.verify_ledger(system.scenery.tenant).ok
    left = payment.amount.cents - 2 * KEPT - 5_000
    assert ask(system, payment).body["amountCents"] == left
    assert len(system.uow.store.platform.timers) == 1


@pytest.mark.spec("S38")
def test_a_crash_behind_a_refusal_loses_nothing(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the provider's list cannot be read just then is mended by the next look."""
    payment = sell(system)
    work(system)
    unheard(system, payment, payment.amount.cents)
    ask(system, payment)

    def away(*_: object) -> None:
        raise ProviderUnavailable("no connection")

    with monkeypatch.context() as patched:
        patched.setattr(StripeGateway, "refunds_of", away)
        work(system)
    assert [r.state for r in refunds(system)] == [RefundState.FAILED]
    settle(system)
    assert refunds(system)[-1].state is RefundState.COMPLETED
    assert system.app.verify_ledger(system.scenery.tenant).ok
    assert len(system.uow.store.platform.timers) == 0


def by_hand(system: Sandboxed, payment: Payment) -> AuditEntry:
    return AuditEntry(
        id=uuid4(),
        at=system.clock.now(),
        actor_kind=ActorKind.OPERATOR,
        actor_id="kim",
        action="refund.sync_payment",
        subject_type="payment",
        subject_id=str(payment.id),
    )


@pytest.mark.spec("S38")
def test_a_payment_is_asked_about_by_hand(system: Sandboxed) -> None:
    """What was never heard of is booked, twice asked is once booked, and the trail knows who asked."""
    payment = sell(system)
    work(system)
    unheard(system, payment, 700)
    tenant, sync = system.scenery.tenant, system.app.refunding.sync_payment
    for _ in range(2):
        (refund,) = sync(tenant, payment.id, by_hand(system, payment)).refunds
        assert (refund.amount.cents, refund.state) == (700, RefundState.COMPLETED)
    assert len(refunds(system)) == 1
    assert system.app.verify_ledger(tenant).ok
    entries = system.uow.store.of(tenant).audit_entries.values()
    assert [e.action for e in entries] == ["refund.sync_payment"] * 2
    with pytest.raises(NotFound):
        sync(tenant, PaymentId(uuid4()), by_hand(system, payment))


@pytest.mark.spec("S38")
def test_what_fits_nothing_is_alerted(system: Sandboxed) -> None:
    """One of ours that is not sent yet leaves no room: the payment is asked about, nothing is booked."""
    payment = sell(system)
    work(system)
    unheard(system, payment, payment.amount.cents)
    ask(system, payment, amount_cents=1_000)
    sync = system.app.refunding.sync_payment
    assert sync(system.scenery.tenant, payment.id, by_hand(system, payment)).refunds == ()
    assert "refund_mismatch" in system.alerts.kinds()
    assert len(refunds(system)) == 1


@pytest.mark.spec("S25", "S38")
def test_what_cannot_be_sent_for_a_day_is_given_up_by_hand(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only when the provider has none with our id; made there after all, it is another refund."""
    payment = sell(system)
    work(system)
    ident = RefundId(UUID(str(ask(system, payment).body["id"])))

    def unknown(*_: object) -> None:
        raise OutcomeUnknown("the provider said something odd")

    sync, tenant = system.app.refunding.sync, system.scenery.tenant
    with monkeypatch.context() as patched:
        patched.setattr(StripeGateway, "refund", unknown)
        work(system, 3_600)
        with pytest.raises(Conflict, match="not been sent yet"):
            sync(tenant, ident, by_hand(system, payment))
        work(system, 23 * 3_600)
        assert sync(tenant, ident, by_hand(system, payment)).state is RefundState.FAILED
        with pytest.raises(Conflict, match="not been sent yet"):
            sync(tenant, ident, by_hand(system, payment))
    work(system, 3_600)
    assert system.app.verify_ledger(tenant).ok
    assert len(system.uow.store.platform.timers) == 0
    system.gateway.refund(attrs.evolve(refunds(system)[0], state=RefundState.PENDING))
    settle(system)
    assert [r.state for r in refunds(system)] == [RefundState.FAILED, RefundState.COMPLETED]
    assert system.app.verify_ledger(tenant).ok


@pytest.mark.spec("S25", "S38")
def test_what_was_sent_unheard_is_found_by_our_id(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer and the events are lost: a day later the list knows our refund, which is not given up."""
    payment = sell(system)
    work(system)
    ident = RefundId(UUID(str(ask(system, payment).body["id"])))
    system.gateway.refund(refunds(system)[0])
    for delivery in system.model.due_deliveries():
        system.model.delivery_result(delivery.id, 200)

    def unknown(*_: object) -> None:
        raise OutcomeUnknown("the provider said something odd")

    monkeypatch.setattr(StripeGateway, "refund", unknown)
    work(system, 25 * 3_600)
    after = system.app.refunding.sync(system.scenery.tenant, ident, by_hand(system, payment))
    assert (after.state, bool(after.provider_refund_id)) == (RefundState.COMPLETED, True)
