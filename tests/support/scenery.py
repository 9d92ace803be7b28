"""Scenery: a tenant with one venue in Nashville, one concert, five standing tickets, two seats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry, Head, extend, seal
from ticketpay.domain.catalog import Catalog, Event, Offer, StockedType, TicketType, Venue
from ticketpay.domain.kernel.ids import (
    EventId,
    OrderId,
    PaymentId,
    PayoutId,
    QuoteId,
    SubscriptionId,
    TenantId,
    TicketTypeId,
    UserId,
    VenueId,
)
from ticketpay.domain.messaging import AggregateType, Message
from ticketpay.domain.money import USD, Currency, ExchangeRate, Money
from ticketpay.domain.orders import Order
from ticketpay.domain.parties import Actor, Role, Tenant
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, ProviderRef
from ticketpay.domain.payouts import PAYOUT_MACHINE, Payout, PayoutSpeed
from ticketpay.domain.pricing import (
    Demand,
    DemandLine,
    FeeSchedule,
    Quote,
    Tier,
    price_demand,
    tax_table,
)
from ticketpay.domain.subscriptions import PaidInvoice, PlanWish, Subscription, plan_of, subscribe
from ticketpay.ports.transactions import Tx

__all__ = [
    "START",
    "Scenery",
    "a_payout",
    "a_subscription",
    "audit_entry",
    "chain",
    "message",
    "ref",
]

START: Final = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
STANDING: Final = 5
PRICE_CENTS: Final = 5_000
SEAT_PRICE_CENTS: Final = 9_000
SEATS: Final = ("A1", "A2")


def ref(object_id: str = "") -> ProviderRef:
    """A reference to an intent of the platform's own account."""
    return ProviderRef("stripe", "", livemode=False, object_id=object_id or f"pi_{uuid4().hex}")


def a_payout(venue_id: VenueId, at: datetime) -> Payout:
    """A new payout of 200.00 to a venue's account."""
    return Payout(
        id=PayoutId(uuid4()),
        venue_id=venue_id,
        amount=Money(20_000, USD),
        fee=Money(0, USD),
        speed=PayoutSpeed.STANDARD,
        state=PAYOUT_MACHINE.initial,
        requested_by=UserId(uuid4()),
        account="acct_venue",
        created_at=at,
    )


def a_subscription(venue_id: VenueId, at: datetime, plan: str = "pro") -> Subscription:
    """A venue's new subscription, stored nowhere."""
    return subscribe(
        plan_of(plan),
        subscription_id=SubscriptionId(uuid4()),
        venue_id=venue_id,
        provider_id="",
        now=at,
    )


def an_invoice(at: datetime, ident: str = "in_1", plan: str = "pro") -> PaidInvoice:
    """A paid period of a plan, stored nowhere."""
    return PaidInvoice(id=ident, plan_id=plan, amount=plan_of(plan).price, paid_at=at)


def a_wish(at: datetime, number: int = 2, **changes: Any) -> PlanWish:
    """What a venue may ask for."""
    wish = PlanWish(number=number, plan_id="pro", method="pm_card_visa", asked_at=at, key=uuid4())
    return attrs.evolve(wish, **changes)


def message(
    kind: str,
    about_id: UUID,
    now: datetime,
    about: AggregateType = AggregateType.ORDER,
    **data: object,
) -> Message:
    """A message as the outbox takes it."""
    return Message(
        id=uuid4(),
        type=kind,
        aggregate_type=about,
        aggregate_id=about_id,
        occurred_at=now,
        data=data,
    )


def audit_entry(now: datetime, **changes: Any) -> AuditEntry:
    """An entry as an operator leaves it."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "at": now,
        "actor_kind": ActorKind.OPERATOR,
        "actor_id": "ops@desk",
        "action": "outbox.replay",
        "subject_type": "stream",
        "subject_id": "order:1",
        "reason": "the ticket service is back",
        "details": {"cents": 12_345, "before": "parked", "dry": False, "none": None},
        "request_id": "r-1",
    }
    return AuditEntry(**{**values, **changes})


def chain(tx: Tx, head: Head, *entries: AuditEntry, key: bytes = b"") -> None:
    """Chain these entries after ``head``."""
    links = extend(tx.tenant_id, head, entries)
    moved = Head(seq=links[-1].seq, hash=links[-1].hash, checkpoints=head.checkpoints + 1)
    tx.audit.extend(head, links, seal(tx.tenant_id, moved, START, key))


@attrs.frozen(kw_only=True)
class Scenery:
    """The catalogue of one tenant and short ways to buy from it."""

    tenant: TenantId = attrs.field(factory=lambda: TenantId(uuid4()))
    venue_id: VenueId = attrs.field(factory=lambda: VenueId(uuid4()))
    event_id: EventId = attrs.field(factory=lambda: EventId(uuid4()))
    standing: TicketTypeId = attrs.field(factory=lambda: TicketTypeId(uuid4()))
    seated: TicketTypeId = attrs.field(factory=lambda: TicketTypeId(uuid4()))
    capacity: int = STANDING
    seats: tuple[str, ...] = SEATS
    city: str = "Nashville"
    state: str = "TN"
    currency: Currency = USD
    currencies: frozenset[Currency] = frozenset()

    @classmethod
    def seeded(
        cls,
        seed: int,
        *,
        capacity: int = STANDING,
        city: str = "Nashville",
        state: str = "TN",
        currency: Currency = USD,
        currencies: frozenset[Currency] = frozenset(),
    ) -> Scenery:
        """The same ids for the same seed."""
        ids = [UUID(int=(0x5CE0 << 112) + (seed << 16) + place) for place in range(5)]
        return cls(
            tenant=TenantId(ids[0]),
            venue_id=VenueId(ids[1]),
            event_id=EventId(ids[2]),
            standing=TicketTypeId(ids[3]),
            seated=TicketTypeId(ids[4]),
            capacity=capacity,
            city=city,
            state=state,
            currency=currency,
            currencies=currencies,
        )

    @property
    def catalog(self) -> Catalog:
        """What the catalogue writer loads."""
        types = (
            StockedType(type=self._types[self.standing], capacity=self.capacity),
            StockedType(type=self._types[self.seated], capacity=len(self.seats), seats=self.seats),
        )
        slug = f"t-{self.tenant.hex}"
        return Catalog(
            tenant=Tenant(
                id=self.tenant,
                name="The Platform",
                slug=slug,
                nexus_states=frozenset({"TN", self.state}),
            ),
            venues=(self._venue,),
            events=(self._event,),
            types=types,
        )

    @property
    def offer(self) -> Offer:
        """What the catalogue reader gives."""
        return Offer(
            event=self._event,
            venue=self._venue,
            nexus_states=frozenset({"TN", self.state}),
            types=self._types,
        )

    def actor(self, user: UUID | None = None) -> Actor:
        """A customer of the tenant."""
        user_id = UserId(user or uuid4())
        return Actor(tenant_id=self.tenant, user_id=user_id, role=Role.CUSTOMER)

    def demand(
        self,
        count: int = 1,
        *seats: str,
        price_cents: int | None = None,
        currency: Currency | None = None,
    ) -> Demand:
        """``count`` standing tickets and the named seats."""
        lines = []
        if count:
            lines.append(DemandLine(self.standing, count, price_cents=price_cents))
        if seats:
            lines.append(DemandLine(self.seated, len(seats), seats))
        return Demand(self.event_id, tuple(lines), currency)

    def quote(
        self,
        demand: Demand,
        now: datetime,
        actor: Actor | None = None,
        exchange: ExchangeRate | None = None,
    ) -> Quote:
        """A priced demand, stored nowhere."""
        return price_demand(
            self.offer,
            demand if exchange is None else attrs.evolve(demand, currency=exchange.target),
            exchange=exchange,
            quote_id=QuoteId(uuid4()),
            user_id=(actor or self.actor()).user_id,
            tier=Tier.STARTER,
            fees=FeeSchedule(),
            taxes=tax_table(),
            now=now,
        )

    def order(
        self,
        now: datetime,
        demand: Demand | None = None,
        exchange: ExchangeRate | None = None,
    ) -> Order:
        """A new order, stored nowhere."""
        quote = self.quote(demand or self.demand(), now, exchange=exchange)
        expires_at = now + timedelta(minutes=15)
        return Order.of(quote, order_id=OrderId(uuid4()), now=now, expires_at=expires_at)

    def payment(self, order: Order, now: datetime, share: int = 1) -> Payment:
        """A new payment for an order, stored nowhere."""
        return Payment(
            id=PaymentId(uuid4()),
            order_id=order.id,
            share=share,
            state=PAYMENT_MACHINE.initial,
            amount=order.total,
            user_id=order.user_id,
            event_id=order.event_id,
            venue_id=order.venue_id,
            ticket_count=order.ticket_count,
            method_type="card",
            device_fingerprint="device",
            created_at=now,
            sent_at=now,
        )

    @property
    def _venue(self) -> Venue:
        return Venue(
            id=self.venue_id,
            name="The Room",
            city=self.city,
            state=self.state,
            time_zone="America/Chicago",
        )

    @property
    def _event(self) -> Event:
        return Event(
            id=self.event_id,
            venue_id=self.venue_id,
            name="The Concert",
            starts_at=START + timedelta(days=60),
            currency=self.currency,
            currencies=self.currencies,
        )

    @property
    def _types(self) -> Mapping[TicketTypeId, TicketType]:
        return {
            self.standing: TicketType(
                id=self.standing,
                event_id=self.event_id,
                name="Standing",
                price=Money(PRICE_CENTS, self.currency),
            ),
            self.seated: TicketType(
                id=self.seated,
                event_id=self.event_id,
                name="Seat",
                price=Money(SEAT_PRICE_CENTS, self.currency),
                seated=True,
            ),
        }
