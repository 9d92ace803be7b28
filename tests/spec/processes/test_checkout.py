"""A sale from the buyer's side: quote, pay, repeat, and everything that may be refused."""

from __future__ import annotations

from uuid import uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import Scenery
from ticketpay.adapters.memory import MemoryCatalog
from ticketpay.domain.kernel.errors import InvalidInput, OutcomeUnknown
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging import KEPT_SECONDS, IdempotencyKeyReused, Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState, ProviderStatus
from ticketpay.domain.payments.history import Source
from ticketpay.domain.processes import quoting


def succeeded(system: Sandboxed) -> int:
    """How many intents have been paid at the provider."""
    facts = system.gateway.list_intents(system.scenery.tenant)
    return sum(1 for fact in facts if fact.status is ProviderStatus.SUCCEEDED)


def order_state(system: Sandboxed) -> OrderState:
    """The state of the only order."""
    (order,) = system.uow.store.of(system.scenery.tenant).orders.values()
    return order.state


@pytest.mark.spec("S03")
def test_a_sale_from_quote_to_fulfilled(system: Sandboxed) -> None:
    """Quote, checkout, webhook and relay: paid once, tickets issued, books balanced."""
    actor, demand = system.scenery.actor(), system.scenery.demand(2, "A1")
    quote = system.app.give_quote(actor, demand)
    command = place_order(actor, uuid4(), None, quote_id=quote.id)
    answer = system.app.checkout(command)
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body["amountCents"] == quote.total.cents
    assert system.stock() == (2, 1)
    system.receive_all()
    system.work()
    assert order_state(system) is OrderState.FULFILLED
    (told,) = system.tickets.delivered
    assert (told.type, told.data["ticketQuantity"]) == ("order.paid", 3)
    report = system.app.verify_ledger(system.scenery.tenant)
    assert report.ok
    assert report.provider_cents == {"USD": quote.total.cents}


@pytest.mark.spec("S32")
def test_a_decline_frees_the_stock(system: Sandboxed) -> None:
    """A declined card is an answer with the issuer's code; the tickets are free, the shop is told."""
    command = place_order(
        system.scenery.actor(),
        uuid4(),
        system.scenery.demand(2),
        "chargeDeclinedInsufficientFunds",
    )
    answer = system.app.checkout(command)
    assert answer.outcome is Outcome.DECLINED
    failure = answer.body["failure"]
    assert isinstance(failure, dict)
    assert failure["declineCode"] == "insufficient_funds"
    assert system.stock() == (0, 0)
    system.work()
    assert [m.type for m in system.tickets.delivered] == ["order.payment_failed"]
    assert order_state(system) is OrderState.PAYMENT_FAILED


@pytest.mark.spec("S36")
@pytest.mark.parametrize("card", ["visa", "visa_chargeDeclined", "nonsense"])
def test_a_repeated_request_gets_the_same_answer(system: Sandboxed, card: str) -> None:
    """The same key with the same request gives the first answer again and charges nobody."""
    command = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1), card)
    first = system.app.checkout(command)
    system.clock.advance(3600)
    again = system.app.checkout(command)
    assert again == attrs.evolve(first, replayed=True)
    assert succeeded(system) == (1 if card == "visa" else 0)
    assert len(system.payments()) == 1


@pytest.mark.spec("S11")
def test_a_key_is_not_used_for_another_body(system: Sandboxed) -> None:
    """The same key with another request is refused, and nothing more is sold."""
    actor, key = system.scenery.actor(), uuid4()
    system.app.checkout(place_order(actor, key, system.scenery.demand(1)))
    with pytest.raises(IdempotencyKeyReused):
        system.app.checkout(place_order(actor, key, system.scenery.demand(2)))
    assert system.stock() == (1, 0)


@pytest.mark.spec("S12")
@pytest.mark.parametrize(
    ("price_cents", "total_cents"), [(4_999, None), (None, 1)], ids=["ticket", "total"]
)
def test_a_changed_price_is_refused(
    system: Sandboxed, price_cents: int | None, total_cents: int | None
) -> None:
    """A sent price or total that is not the server's is refused and charges nobody."""
    demand = system.scenery.demand(1, price_cents=price_cents)
    answer = system.app.checkout(
        place_order(system.scenery.actor(), uuid4(), demand, expected_total_cents=total_cents)
    )
    assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "PRICE_CHANGED")
    assert (system.payments(), system.stock()) == ([], (0, 0))


@pytest.mark.spec("S18")
def test_an_old_quote_is_refused(system: Sandboxed) -> None:
    """A quote is good for 15 minutes; after them, or for somebody else, it buys nothing."""
    actor = system.scenery.actor()
    quote = system.app.give_quote(actor, system.scenery.demand(1))
    stranger = system.scenery.actor()
    foreign = system.app.checkout(place_order(stranger, uuid4(), None, quote_id=quote.id))
    assert foreign.body["code"] == "NOT_FOUND"
    system.clock.advance(15 * 60)
    answer = system.app.checkout(place_order(actor, uuid4(), None, quote_id=quote.id))
    assert answer.body["code"] == "QUOTE_EXPIRED"
    assert system.stock() == (0, 0)


@pytest.mark.spec("S12")
def test_what_is_sold_out_is_not_sold(system: Sandboxed) -> None:
    """More tickets than are left are refused, and the refusal is kept under its key."""
    system.app.checkout(place_order(system.scenery.actor(), uuid4(), system.scenery.demand(4)))
    command = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(2))
    answers = [system.app.checkout(command) for _ in range(2)]
    assert [a.body["code"] for a in answers] == ["SOLD_OUT", "SOLD_OUT"]
    assert [a.replayed for a in answers] == [False, True]
    assert system.stock() == (4, 0)


@pytest.mark.spec("S12")
def test_a_taken_seat_is_not_sold_twice(system: Sandboxed) -> None:
    """A seat that somebody has is refused together with everything else in the order."""
    scenery = system.scenery
    system.app.checkout(place_order(scenery.actor(), uuid4(), scenery.demand(0, "A1")))
    answer = system.app.checkout(
        place_order(scenery.actor(), uuid4(), scenery.demand(1, "A1", "A2"))
    )
    assert answer.body["code"] == "SEAT_UNAVAILABLE"
    assert system.stock() == (0, 1)


@pytest.mark.spec("S38")
@pytest.mark.parametrize("card", ["pm_sandbox_timeout_after", "pm_sandbox_error_500_after"])
def test_a_lost_answer_is_unknown_and_then_found(system: Sandboxed, card: str) -> None:
    """After a charge whose answer was lost the buyer repeats the request and is charged once."""
    command = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1), card)
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(command)
    (payment,) = system.payments()
    assert payment.state is PaymentState.PENDING
    assert system.stock() == (1, 0)
    if "timeout" in card:
        answer = system.app.checkout(command)
    else:
        # The provider repeats its 500 under the same key, so the janitor has to ask.
        with pytest.raises(OutcomeUnknown):
            system.app.checkout(command)
        system.clock.advance(61)
        system.app.janitor()
        answer = system.app.checkout(command)
    assert answer.outcome is Outcome.COMPLETED
    assert succeeded(system) == 1
    assert len(system.payments()) == 1
    history = system.app.payment_desk.history(system.scenery.tenant, payment.id)
    assert [h.what for h in history if h.source is Source.ATTEMPT] == ["charge", "charge again"]


@pytest.mark.spec("S16", "S36")
@pytest.mark.parametrize("seconds", [15 * 60, 23 * 3600])
def test_a_charge_is_not_sent_after_its_time(system: Sandboxed, seconds: int) -> None:
    """A repetition after the hold, or when the key may be forgotten, asks and charges nobody."""
    command = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "pm_sandbox_timeout_before"
    )
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(command)
    system.clock.advance(seconds)
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(command)
    assert succeeded(system) == 0
    assert not list(system.gateway.list_intents(system.scenery.tenant))


@pytest.mark.spec("S15")
def test_a_challenge_is_answered_and_confirmed(system: Sandboxed) -> None:
    """A card that asks its owner gives a secret, again on a replay, and is paid after the answer."""
    command = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "threeDSecureRequired"
    )
    first, again = system.app.checkout(command), system.app.checkout(command)
    assert first.outcome is Outcome.ACCEPTED
    assert first.body["status"] == "requires_action"
    assert first.client_secret
    assert again == attrs.evolve(first, replayed=True)
    (payment,) = system.payments()
    assert payment.ref is not None
    system.authenticate(payment.ref.object_id)
    system.receive_all()
    system.work()
    assert order_state(system) is OrderState.FULFILLED


@pytest.mark.spec("S18")
@pytest.mark.parametrize("venues_cached", [0, 10_000])
def test_a_venue_pays_the_tier_of_its_own_sales(
    monkeypatch: pytest.MonkeyPatch, venues_cached: int
) -> None:
    """Another tenant may call a venue the same; what that one sells is nothing to this one."""
    monkeypatch.setattr(quoting, "VENUES_CACHED", venues_cached)
    system = Sandboxed(seed=1, capacity=10_000)
    mine, theirs = system.scenery, attrs.evolve(system.scenery, tenant=TenantId(uuid4()))
    MemoryCatalog(system.uow).load(theirs.catalog)

    def fee(scenery: Scenery) -> int:
        (ticket,) = system.app.give_quote(scenery.actor(), scenery.demand(1)).tickets
        return ticket.charges[0].cents

    assert fee(mine) == fee(theirs) == 410
    for _ in range(20):
        system.app.checkout(place_order(mine.actor(), uuid4(), mine.demand(100)))
    system.clock.advance(quoting.VOLUME_SECONDS_CACHED)
    assert (fee(mine), fee(theirs)) == (375, 410)


@pytest.mark.spec("S11")
def test_a_key_is_forgotten_after_a_month(system: Sandboxed) -> None:
    """Until then its answer is replayed; afterwards it is as good as new, and the sale stays."""
    buyer, key, demand = system.scenery.actor(), uuid4(), system.scenery.demand(1)
    command = place_order(buyer, key, demand)
    first = system.app.checkout(command)
    system.clock.advance(KEPT_SECONDS)
    assert system.app.purge_keys(system.scenery.tenant) == 0
    assert system.app.checkout(command) == attrs.evolve(first, replayed=True)
    system.clock.advance(1)
    assert system.app.purge_keys(system.scenery.tenant) == 1
    again = system.app.checkout(place_order(buyer, key, demand))
    assert again.body["orderId"] != first.body["orderId"]
    assert len(system.payments()) == 2


@pytest.mark.spec("S12", "S15")
def test_a_purchase_names_a_quote_or_tickets(system: Sandboxed) -> None:
    """A command without either is refused when it is made, not in the middle of a sale."""
    good = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1))
    with pytest.raises(InvalidInput) as caught:
        attrs.evolve(good, demand=None, quote_id=None)
    assert [error.field for error in caught.value.errors] == ["tickets"]
