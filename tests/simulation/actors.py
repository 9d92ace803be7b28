"""The actors: buyers, the network between the provider and us, workers, and time itself.

An actor takes the world, does one thing that the seed has chosen, and returns a line of the story.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final
from uuid import UUID

import attrs

from tests.simulation.crashes import CrashPlan
from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.adapters.sandbox import Delivery
from ticketpay.domain.kernel.errors import Rejected, TicketpayError, Unavailable
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, request_hash
from ticketpay.domain.payments import Payment, PaymentState
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.payment_actions import PaymentCommand

__all__ = ["ACTORS", "Actor", "Request", "World", "buy"]

CARDS: Final = (
    "visa",
    "visa",
    "visa",
    "visa_chargeDeclined",
    "chargeDeclinedInsufficientFunds",
    "threeDSecureRequired",
    "threeDSecureRequiredChargeDeclined",
    "pm_sandbox_processing",
    "pm_sandbox_processing_fails",
    "pm_sandbox_timeout_before",
    "pm_sandbox_timeout_after",
    "pm_sandbox_timeout_after",
    "pm_sandbox_error_500_before",
    "pm_sandbox_error_500_after",
    "pm_sandbox_rate_limited",
    "pm_sandbox_slow",
    "pm_card_nonsense",
)
DELIVERIES: Final = ("", "", "twice", "late", "reversed", "none")
FAULTS: Final = (
    "",
    "",
    "",
    "cancel:timeout_after",
    "cancel:error_500_after",
    "refund:timeout_after",
)
JUMPS: Final = (1, 2, 5, 5, 30, 30, 61, 95, 300, 600, 901, 4000)


@attrs.define
class Request:
    """What a buyer asked for, and the final answer if there was one."""

    command: PlaceOrder
    final: Answer | None = None


@attrs.define(eq=False)
class World:
    """The system, the chance and what the actors remember."""

    system: Sandboxed
    rng: random.Random
    crashes: CrashPlan
    requests: list[Request] = attrs.field(factory=list)
    in_transit: list[Delivery] = attrs.field(factory=list)

    def uuid(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128))

    def some_payment(self) -> Payment | None:
        payments = self.system.payments()
        return self.rng.choice(payments) if payments else None


def buy(world: World) -> str:
    """A new buyer orders, sometimes with a quote."""
    rng, scenery = world.rng, world.system.scenery
    actor = scenery.actor(world.uuid())
    seats = rng.sample(scenery.seats, rng.choice((0, 0, 0, 1, 2)))
    demand = scenery.demand(rng.randint(0 if seats else 1, 2), *seats)
    card = rng.choice(CARDS)
    hints = {"sandbox_delivery": rng.choice(DELIVERIES), "sandbox_fault": rng.choice(FAULTS)}
    quote = world.system.app.give_quote(actor, demand) if rng.random() < 0.3 else None
    command = place_order(
        actor,
        world.uuid(),
        demand,
        card,
        quote_id=quote.id if quote else None,
        metadata={name: value for name, value in hints.items() if value},
    )
    world.requests.append(Request(command))
    return f"buy with {card}: {_send(world, world.requests[-1])}"


def repeat(world: World) -> str:
    """A buyer sends a request again, under the same key."""
    if not world.requests:
        return "repeat: nothing"
    return f"repeat: {_send(world, world.rng.choice(world.requests))}"


def _send(world: World, request: Request) -> str:
    answer = world.system.app.checkout(request.command)
    body = {k: v for k, v in answer.body.items() if k != "createdAt"}
    if request.final is not None:
        same = {k: v for k, v in request.final.body.items() if k != "createdAt"}
        assert (answer.outcome, body) == (request.final.outcome, same), "the answer has changed"
    request.final = answer
    return f"{answer.outcome} {body.get('status', body.get('code'))}"


def authenticate(world: World) -> str:
    """A buyer answers the bank's question."""
    payment = world.some_payment()
    if payment is None or payment.ref is None:
        return "authenticate: nothing"
    outcome = world.rng.choice(("succeed", "succeed", "fail"))
    world.system.authenticate(payment.ref.object_id, outcome)
    return f"authenticate {payment.state}: {outcome}"


def try_card(world: World) -> str:
    """A buyer whose card was declined tries another one on the same intent."""
    failed = [p for p in world.system.payments() if p.state is PaymentState.FAILED and p.ref]
    if not failed:
        return "try another card: nothing"
    payment = world.rng.choice(failed)
    assert payment.ref is not None
    card = world.rng.choice(("visa", "visa", "chargeDeclined"))
    status = world.system.try_card(payment.ref.object_id, card)
    return f"try another card ({card}): {status}"


def _command(world: World, payment: Payment, verb: str) -> PaymentCommand:
    actor = world.system.scenery.actor(payment.user_id)
    return PaymentCommand(
        actor=actor,
        key=KeyScope(actor.user_id, world.uuid()),
        request_hash=request_hash(verb, {"payment": str(payment.id)}),
        payment_id=payment.id,
    )


def confirm(world: World) -> str:
    """A buyer confirms a payment."""
    payment = world.some_payment()
    if payment is None:
        return "confirm: nothing"
    answer = world.system.app.confirm_payment(_command(world, payment, "confirm"))
    return f"confirm {payment.state}: {answer.outcome}"


def cancel(world: World) -> str:
    """A buyer cancels a payment."""
    payment = world.some_payment()
    if payment is None:
        return "cancel: nothing"
    answer = world.system.app.cancel_payment(_command(world, payment, "cancel"))
    if answer.outcome is Outcome.COMPLETED:
        assert payment.state is not PaymentState.COMPLETED, "a paid payment was cancelled"
    return f"cancel {payment.state}: {answer.outcome}"


def pick_up(world: World) -> str:
    """The network takes what the provider sends; some of it is lost and sent again later."""
    taken = world.system.model.due_deliveries(world.rng.randint(1, 4))
    for delivery in taken:
        if world.rng.random() < 0.15:
            world.system.model.delivery_result(delivery.id, None)
        else:
            world.in_transit.append(delivery)
    return f"pick up {len(taken)}"


def hand_over(world: World) -> str:
    """The network hands over some of what it has, in any order, some of it twice."""
    world.rng.shuffle(world.in_transit)
    count = world.rng.randint(1, 4)
    now, world.in_transit = world.in_transit[:count], world.in_transit[count:]
    refused = 0
    while now:
        delivery = now.pop()
        if world.rng.random() < 0.2:
            world.in_transit.append(delivery)
        try:
            world.system.receive(delivery)
        except TicketpayError:
            refused += 1
            world.system.model.delivery_result(delivery.id, 400)
    return f"hand over up to {count}, {refused} refused"


def process_inbox(world: World) -> str:
    """A worker processes some events."""
    return f"inbox {world.system.app.process_inbox(world.rng.randint(1, 5))}"


def relay(world: World) -> str:
    """A worker relays some streams; the ticket service may be down."""
    failure = world.rng.choice((None, None, None, Unavailable("down"), Rejected("no")))
    if failure is not None:
        world.system.tickets.failures.append(failure)
    return f"relay {world.system.app.relay_outbox(world.rng.randint(1, 5))}"


def janitor(world: World) -> str:
    """A worker looks at what is due."""
    return f"janitor {world.system.app.janitor(world.rng.randint(1, 5))}"


def roll_up(world: World) -> str:
    """A worker rolls up the ledger."""
    return f"roll up {world.system.app.roll_up_ledger(world.system.scenery.tenant)}"


def wait(world: World) -> str:
    """Time passes."""
    seconds = world.rng.choice(JUMPS)
    world.system.clock.advance(seconds)
    world.system.model.tick()
    return f"wait {seconds} s"


Actor = Callable[[World], str]

ACTORS: Final[tuple[tuple[Actor, int], ...]] = (
    (buy, 9),
    (repeat, 5),
    (authenticate, 2),
    (try_card, 3),
    (confirm, 2),
    (cancel, 1),
    (pick_up, 4),
    (hand_over, 4),
    (process_inbox, 4),
    (relay, 3),
    (janitor, 4),
    (roll_up, 1),
    (wait, 5),
)
