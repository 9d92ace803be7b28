"""Events that cannot be applied: they wait, they die after five tries, they never stop others."""

from __future__ import annotations

import hashlib
import hmac
import json
from uuid import UUID, uuid4

import pytest

from tests.support.sandboxed import SECRET, Sandboxed, place_order
from ticketpay.adapters.memory.messaging import MemoryInbox
from ticketpay.adapters.stripe.webhook import StripeWebhooks
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.messaging import InboxStatus, StoredEvent
from ticketpay.domain.payments import PaymentState, ProviderFact


def receive(
    system: Sandboxed, kind: str, *, without: str = "", account: str | None = None, **intent: object
) -> str:
    """Send one genuine event about an intent, of a connected account or of ours; returns its id."""
    event_id, at = f"evt_{uuid4().hex}", int(system.clock.unix())
    shown = {"id": "pi_x", "object": "payment_intent", "amount": 500, "currency": "usd"} | intent
    shown.pop(without, None)
    body = {"id": event_id, "object": "event", "type": kind, "created": at, "livemode": False}
    of_whom = {} if account is None else {"account": account}
    raw = json.dumps(body | of_whom | {"data": {"object": shown}}).encode()
    digest = hmac.new(SECRET.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    assert system.app.receive_webhook(raw, f"t={at},v1={digest}")
    return event_id


def status(system: Sandboxed, event_id: str) -> tuple[InboxStatus, int]:
    platform = system.uow.store.platform
    rows = [*platform.waiting.values(), *platform.settled.values()]
    (row,) = [row for row in rows if row.event.event_id == event_id]
    return row.status, row.attempts


def bought(system: Sandboxed, card: str = "visa") -> UUID:
    answer = system.app.checkout(
        place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1), card)
    )
    return UUID(str(answer.body["id"]))


@pytest.mark.spec("S27 D5", "S28")
def test_an_event_of_an_unknown_payment_waits_and_then_dies(system: Sandboxed) -> None:
    """It is tried five times with growing pauses; then it is dead and somebody is told."""
    event_id = receive(system, "payment_intent.succeeded", status="succeeded", amount_received=500)
    for attempt in range(1, 6):
        assert system.app.process_inbox() == 1
        assert system.app.process_inbox() == 0
        assert status(system, event_id)[1] == attempt
        system.clock.advance(61)
    assert status(system, event_id)[0] is InboxStatus.DEAD
    assert system.app.process_inbox() == 0
    assert system.alerts.kinds() == ["webhook_dead"]


@pytest.mark.spec("S27 D5")
def test_an_early_event_is_applied_once_its_payment_exists(system: Sandboxed) -> None:
    """The event of a payment that is not there yet waits, and is applied on a later try."""
    ahead = Sandboxed(seed=system.seed)
    payment = bought(ahead)
    (early,) = [d for d in ahead.model.due_deliveries() if b"payment_intent.succeeded" in d.body]
    system.app.receive_webhook(early.body, early.headers["stripe-signature"])
    system.app.process_inbox()
    assert bought(system) == payment
    system.clock.advance(61)
    event_id = json.loads(early.body)["id"]
    assert system.app.process_inbox() == 1
    assert status(system, event_id) == (InboxStatus.PROCESSED, 2)


@pytest.mark.spec("S28 D4", "S14")
def test_what_is_not_understood_is_kept_and_told(system: Sandboxed) -> None:
    """An unsupported type and a payment event without an amount are stored, told, never tried."""
    odd = receive(system, "payment_intent.blessed", status="succeeded")
    broken = receive(system, "payment_intent.succeeded", without="amount", status="succeeded")
    assert system.app.process_inbox() == 0
    assert status(system, odd) == (InboxStatus.UNSUPPORTED, 0)
    assert status(system, broken) == (InboxStatus.INVALID, 0)
    assert system.alerts.kinds() == ["webhook_unsupported", "webhook_invalid"]


@pytest.mark.spec("S27", "S30")
def test_another_amount_moves_nothing(system: Sandboxed) -> None:
    """An event of our intent with another amount is evidence, not truth: nothing moves, it dies."""
    bought(system, "threeDSecureRequired")
    (payment,) = system.payments()
    assert payment.ref is not None
    event_id = receive(
        system,
        "payment_intent.succeeded",
        id=payment.ref.object_id,
        amount=payment.amount.cents + 1,
        amount_received=payment.amount.cents + 1,
        status="succeeded",
    )
    for _ in range(5):
        system.app.process_inbox()
        system.clock.advance(61)
    assert status(system, event_id)[0] is InboxStatus.DEAD
    assert [p.state for p in system.payments()] == [PaymentState.PENDING]
    assert system.app.trial_balance(system.scenery.tenant) == ()


@pytest.mark.spec("S28", "S35 D6")
def test_a_poisonous_event_does_not_stop_the_others(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error at one event leaves the next one of the batch untouched."""
    bought(system, "threeDSecureRequired")
    (payment,) = system.payments()
    assert payment.ref is not None
    poison = receive(
        system, "payment_intent.processing", id=payment.ref.object_id, status="processing"
    )
    system.authenticate(payment.ref.object_id)
    system.receive_all()
    read = StripeWebhooks.fact

    def broken(self: StripeWebhooks, event: StoredEvent) -> ProviderFact:
        if event.event_id == poison:
            raise KeyError("poison")
        return read(self, event)

    monkeypatch.setattr(StripeWebhooks, "fact", broken)
    system.app.process_inbox()
    assert [p.state for p in system.payments()] == [PaymentState.COMPLETED]
    assert status(system, poison) == (InboxStatus.RECEIVED, 1)


@pytest.mark.spec("S28")
def test_an_event_that_cannot_even_wait_stops_nobody(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the failure itself cannot be written down the claim lapses, and the next event goes on."""
    lost = receive(system, "payment_intent.processing", id="pi_lost", status="processing")
    bought(system)
    system.receive_all()

    def away(*_values: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(MemoryInbox, "retry", away)
    system.app.process_inbox()
    assert "inbox_stuck" in system.alerts.kinds()
    assert status(system, lost) == (InboxStatus.RECEIVED, 1)
    left = [row.event.event_id for _, row in system.uow.store.platform.waiting.items()]
    assert left == [lost]


@pytest.mark.spec("S26", "S27")
@pytest.mark.parametrize("card", ["pm_card_nonsense", "pm_card_threeDSecure2Required"])
def test_an_intent_on_a_venues_account_pays_nothing(system: Sandboxed, card: str) -> None:
    """Whoever has a connected account can write our names into its intents: nobody believes them.

    Neither for a payment whose intent we know, nor for one that the provider refused without any.
    """
    bought(system, card)
    (before,) = system.payments()
    names = {"tenant_id": str(system.scenery.tenant), "payment_id": str(before.id)}
    cents = before.amount.cents
    for word in ("processing", "succeeded"):
        event_id = receive(
            system,
            f"payment_intent.{word}",
            account="acct_venue",
            status=word,
            amount=cents,
            amount_received=cents if word == "succeeded" else 0,
            metadata=names,
        )
        system.app.process_inbox()
        assert status(system, event_id) == (InboxStatus.UNSUPPORTED, 0)
    assert system.payments() == [before]
