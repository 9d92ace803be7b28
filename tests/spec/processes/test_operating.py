"""What an operator does to a payment by hand: it is the provider's word that counts, and recorded."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.errors import Conflict, NotFound, OutcomeUnknown
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.messaging import TimerKind
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.processes.provider_facts import open_case
from ticketpay.ports.transactions import Tx


def bought(system: Sandboxed, card: str) -> PaymentId:
    answer = system.app.checkout(
        place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1), card)
    )
    return PaymentId(UUID(str(answer.body["id"])))


def lost(system: Sandboxed, card: str) -> PaymentId:
    """A payment whose charge was never answered."""
    with pytest.raises(OutcomeUnknown):
        bought(system, card)
    (payment,) = system.payments()
    return payment.id


def entry(system: Sandboxed) -> AuditEntry:
    return audit_entry(system.clock.now(), id=uuid4(), details={})


def recorded(system: Sandboxed) -> list[AuditEntry]:
    return list(system.uow.store.of(system.scenery.tenant).audit_entries.values())


@pytest.mark.spec("S32", "S35")
def test_a_sync_by_hand_is_the_webhook_that_did_not_come(system: Sandboxed) -> None:
    """A sync sells what the buyer has paid, once, and records before, after and the provider's word."""
    ident = bought(system, "threeDSecureRequired")
    (waiting,) = system.payments()
    assert waiting.ref is not None
    system.authenticate(waiting.ref.object_id)
    desk, home = system.app.payment_desk, system.scenery.tenant
    case = desk.sync(home, ident, entry(system))
    assert (case.payment.state, str(case.order.state)) == (PaymentState.COMPLETED, "paid")
    assert desk.sync(home, ident, entry(system)).payment == case.payment
    first, second = recorded(system)
    words = {"provider": "succeeded", "before": str(waiting.state), "after": "completed"}
    assert (first.details, second.details["before"]) == (words, "completed")
    assert len(system.uow.run(home, lambda tx: tx.ledger.booked_by_payment()())) == 1


@pytest.mark.spec("S38")
def test_a_sync_finds_a_charge_whose_answer_was_lost(system: Sandboxed) -> None:
    """A charge that was made and never answered is found by its payment and applied."""
    ident = lost(system, "pm_sandbox_timeout_after")
    case = system.app.payment_desk.sync(system.scenery.tenant, ident, entry(system))
    assert case.payment.state is PaymentState.COMPLETED


@pytest.mark.spec("S11")
def test_what_the_provider_does_not_know_changes_nothing(system: Sandboxed) -> None:
    """Neither sync nor cancel decide about a charge that the provider has never seen."""
    ident = lost(system, "pm_sandbox_timeout_before")
    desk, before = system.app.payment_desk, system.payments()
    for act in (desk.sync, desk.cancel):
        with pytest.raises(OutcomeUnknown):
            act(system.scenery.tenant, ident, entry(system))
    assert (system.payments(), recorded(system)) == (before, [])


@pytest.mark.spec("S31")
def test_a_cancel_by_hand_is_at_the_provider_first(system: Sandboxed) -> None:
    """A cancel ends the intent there and the payment here, frees the stock, and is refused after."""
    ident = bought(system, "threeDSecureRequired")
    desk, home = system.app.payment_desk, system.scenery.tenant
    case = desk.cancel(home, ident, entry(system))
    assert (case.payment.state, system.stock()) == (PaymentState.CANCELLED, (0, 0))
    assert [str(fact.status) for fact in system.provider_facts()] == ["canceled"]
    with pytest.raises(Conflict):
        desk.cancel(home, ident, entry(system))
    assert len(recorded(system)) == 1


@pytest.mark.spec("S30", "S31")
def test_a_cancel_that_comes_too_late_sells(system: Sandboxed) -> None:
    """If the money was there before the cancel, the payment is completed, whatever was wanted."""
    ident = bought(system, "threeDSecureRequired")
    (waiting,) = system.payments()
    assert waiting.ref is not None
    system.authenticate(waiting.ref.object_id)
    case = system.app.payment_desk.cancel(system.scenery.tenant, ident, entry(system))
    assert case.payment.state is PaymentState.COMPLETED
    assert recorded(system)[0].details["after"] == "completed"


@pytest.mark.spec("S38", "S39")
def test_after_a_sync_the_janitor_looks_again(system: Sandboxed) -> None:
    """What is unfinished after a sync has a timer, even if it had lost it."""
    ident = bought(system, "threeDSecureRequired")
    home, timers = system.scenery.tenant, system.uow.store.platform.timers
    system.uow.run(home, lambda tx: tx.timers.clear(home, TimerKind.PAYMENT, ident))
    system.app.payment_desk.sync(home, ident, entry(system))
    row = timers.get((home, TimerKind.PAYMENT, ident))
    assert row is not None
    assert row.due_at > system.clock.now()


@pytest.mark.spec("S38", "S39")
def test_an_intent_left_open_is_the_janitors_at_once(system: Sandboxed) -> None:
    """An intent that is open there while its payment is cancelled here is cancelled by the janitor."""
    ident = bought(system, "threeDSecureRequired")
    home = system.scenery.tenant
    system.uow.run(home, lambda tx: give_up(system, tx, ident))
    system.uow.run(home, lambda tx: tx.timers.clear(home, TimerKind.PAYMENT, ident))
    case = system.app.payment_desk.sync(home, ident, entry(system))
    assert case.payment.state is PaymentState.CANCELLED
    assert system.app.janitor() == 1
    assert [str(fact.status) for fact in system.provider_facts()] == ["canceled"]


def give_up(system: Sandboxed, tx: Tx, ident: PaymentId) -> None:
    desk = system.app.payment_desk.desk
    desk.give_up(tx, open_case(tx, ident), system.clock.now())


@pytest.mark.spec("S04")
def test_another_tenants_payment_is_not_there(system: Sandboxed) -> None:
    """A payment of another tenant cannot be looked at, synced or cancelled."""
    ident, desk = bought(system, "threeDSecureRequired"), system.app.payment_desk
    other = TenantId(uuid4())
    for act in (desk.sync, desk.cancel):
        with pytest.raises(NotFound):
            act(other, ident, entry(system))
