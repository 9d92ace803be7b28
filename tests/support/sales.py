"""A till: the real use cases on a real database with the sandbox in process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import attrs

from tests.support.databases import Database, Shop, Spread
from ticketpay.adapters.postgres.uow import PostgresTx, PostgresUnitOfWork
from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe.gateway import StripeGateway
from ticketpay.adapters.stripe.webhook import StripeWebhooks
from ticketpay.adapters.system.clock import SystemClock
from ticketpay.adapters.system.ids import Uuid7
from ticketpay.domain.kernel.ids import UserId
from ticketpay.domain.ledger import Account, AccountKind, Entry, Posting
from ticketpay.domain.messaging import Answer, KeyScope, Message
from ticketpay.domain.money import USD
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import PaymentMethod
from ticketpay.domain.pricing import Demand, DemandLine
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.ports.messaging import TicketDelivery

SECRET = "whsec_tests"


@attrs.define
class Bell:
    """Records alerts."""

    rung: list[str] = attrs.field(factory=list)

    def raise_alert(self, kind: str, detail: str, **ids: str) -> None:
        self.rung.append(kind)


class NoChance:
    """No jitter."""

    def ppm(self) -> int:
        return 0


class IssuesAtOnce:
    """A ticket service that issues whatever it is told about."""

    def deliver(self, message: Message) -> TicketDelivery:
        return TicketDelivery(issued=message.type == "order.paid")


@attrs.define
class Till:
    """Buys tickets for one customer; ``trips`` lists the round trips of each transaction."""

    shop: Shop
    uow: PostgresUnitOfWork
    model: SandboxModel
    app: App
    actor: Actor
    bell: Bell
    trips: list[int]

    @classmethod
    @contextmanager
    def open(cls, database: Database | Spread, shop: Shop) -> Iterator[Till]:
        app_uow, uow = database.unit_of_work(), database.unit_of_work(worker=True)
        trips: list[int] = []
        app_uow.on_trips = uow.on_trips = trips.append
        model, bell = SandboxModel(uuid4().int, time.time), Bell()
        model.add_endpoint("http://127.0.0.1/hook", SECRET)
        parts = Parts(
            uow=app_uow,
            gateway=StripeGateway.create("sk_test_tests", transport=model.request),
            reader=StripeWebhooks((SECRET,)),
            tickets=IssuesAtOnce(),
            clock=SystemClock(),
            ids=Uuid7(),
            random=NoChance(),
            alerts=bell,
        )
        api, work = assemble(parts), assemble(attrs.evolve(parts, uow=uow))
        app = attrs.evolve(
            work,
            checkout=api.checkout,
            give_quote=api.give_quote,
            receive_webhook=api.receive_webhook,
            show_order=api.show_order,
            plans=api.plans,
            refunding=api.refunding,
            venue_money=api.venue_money,
        )
        actor = Actor(tenant_id=shop.tenant.id, user_id=UserId(uuid4()), role=Role.CUSTOMER)
        try:
            yield cls(shop, app_uow, model, app, actor, bell, trips)
        finally:
            app_uow.close()
            uow.close()

    def buy(
        self,
        *,
        key: UUID | None = None,
        quantity: int = 1,
        seat: str | None = None,
        method: str = "pm_card_visa",
        request_hash: str = "h",
    ) -> Answer:
        line = (
            DemandLine(self.shop.standing.id, quantity)
            if seat is None
            else DemandLine(self.shop.seated.id, 1, (seat,))
        )
        return self.app.checkout(
            PlaceOrder(
                actor=self.actor,
                key=KeyScope(self.actor.user_id, key or uuid4()),
                request_hash=request_hash,
                demand=Demand(self.shop.event.id, (line,)),
                quote_id=None,
                method=PaymentMethod(type="card", method_id=method),
                device_fingerprint="device",
            )
        )

    def subscribe(self, plan: str) -> Answer:
        """An admin chooses a plan for the venue."""
        admin = attrs.evolve(self.actor, role=Role.ADMIN)
        return self.app.plans.subscribe(
            SubscribeOrder(
                actor=admin,
                key=KeyScope(admin.user_id, uuid4()),
                request_hash=plan,
                venue_id=self.shop.event.venue_id,
                plan_id=plan,
            )
        )

    def receive_events(self) -> int:
        """Deliver what the provider has to say; returns how many events."""
        deliveries = self.model.due_deliveries()
        for delivery in deliveries:
            headers = {name.lower(): value for name, value in delivery.headers.items()}
            self.app.receive_webhook(delivery.body, headers["stripe-signature"])
            self.model.delivery_result(delivery.id, 200)
        return len(deliveries)

    def charges(self) -> int:
        """How many intents the provider captured."""
        facts = self.app.parts.gateway.list_intents(self.shop.tenant.id)
        return sum(1 for fact in facts if fact.received.cents)

    def write_something(self, tx: Any) -> None:
        assert isinstance(tx, PostgresTx)
        account = Account(kind=AccountKind.SUSPENSE, party="x", currency=USD)
        other = Account(kind=AccountKind.SUSPENSE, party="y", currency=USD)
        now = self.app.parts.clock.now()
        entries = (Entry(account, 1), Entry(other, -1))
        tx.ledger.post(Posting(key="k:1", entries=entries, posted_at=now))
        tx.ledger.balances()()
