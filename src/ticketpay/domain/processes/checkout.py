"""Checkout: from a buyer's wish to a paid order, in named phases (design 2).

``open`` (one transaction): the key is claimed, prices are read, stock is held, order and payment
are created. ``charge`` (no transaction): the provider is called once, with a key that the payment
owns. ``settle`` (one transaction): the provider's answer is applied like any other fact and the
response is stored. Whoever repeats the request resumes at the recovery point.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.inventory import check_available
from ticketpay.domain.kernel.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Rejected,
    TicketpayError,
)
from ticketpay.domain.kernel.ids import OrderId, PaymentId, QuoteId, TenantId, VenueId
from ticketpay.domain.messaging import (
    AggregateType,
    Answer,
    Claim,
    ClaimStatus,
    KeyScope,
    Message,
    TimerKind,
)
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    CaptureMethod,
    ChargeRequest,
    Payment,
    PaymentDeclined,
    PaymentMethod,
    PaymentMethodUnsupported,
    PaymentState,
    ProviderFact,
)
from ticketpay.domain.pricing import (
    Address,
    Demand,
    EventNotOnSale,
    PriceChanged,
    Quote,
    TaxInquiry,
)
from ticketpay.domain.processes.answers import answer_of, refusal
from ticketpay.domain.processes.plan_caps import check_tickets_left
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_claimed
from ticketpay.domain.processes.quoting import PriceBook, check_venue, taken_quote
from ticketpay.domain.processes.secrets import fresh_secret, with_secret
from ticketpay.domain.processes.taxing import TaxDesk
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.reconciliation import HOLD_SECONDS, KEY_SECONDS_MAX, first_look_at

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Offer
    from ticketpay.domain.inventory import StockView
    from ticketpay.domain.money import Currency
    from ticketpay.domain.subscriptions import Subscription
    from ticketpay.ports.later import Later
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Checkout", "PlaceOrder"]


@attrs.frozen(kw_only=True)
class PlaceOrder:
    """The command: who buys what, how it is paid, and the key that makes it happen once.

    Either ``demand`` or ``quote_id`` or both, else it raises ``InvalidInput``; with both the quote decides and the demand must be
    the quoted one. With a quote, ``currency`` is compared with the quote's; ``venue_id``, if it is
    sent, with the event's.
    """

    actor: Actor
    key: KeyScope
    request_hash: str
    demand: Demand | None
    quote_id: QuoteId | None
    method: PaymentMethod
    device_fingerprint: str
    metadata: tuple[tuple[str, str], ...] = ()
    expected_total_cents: int | None = None
    customer: Address | None = attrs.field(default=None, repr=False)
    currency: Currency | None = None
    venue_id: VenueId | None = None

    def __attrs_post_init__(self) -> None:
        if self.demand is None and self.quote_id is None:
            raise InvalidInput(errors=(FieldError("tickets", "or a quoteId is required"),))


@attrs.frozen
class _Opened:
    """What ``open`` leaves behind: a claim and the payment to charge, or a final answer.

    With neither, the claim's payment is there already and the recovery point has to be looked at.
    """

    claim: Claim
    payment: Payment | None = None
    expires_at: datetime | None = None
    answer: Answer | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Checkout:
    """The use case ``POST /payments``; raises what the caller may retry, answers the rest."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    prices: PriceBook
    clock: Clock
    ids: Ids
    taxing: TaxDesk

    def __call__(self, command: PlaceOrder) -> Answer:
        """Sell; see the module docstring.

        Raises ``RequestInProgress``, ``IdempotencyKeyReused``, ``Unavailable`` or
        ``OutcomeUnknown``; everything else is an ``Answer``, stored under the key.
        """
        tenant = command.actor.tenant_id
        opened = self.taxing.priced(
            tenant,
            command.customer,
            lambda inquiry: self.uow.run(tenant, lambda tx: self._open(tx, command, inquiry)),
        )
        try:
            if opened.answer is None and opened.payment is None:
                # Not in the same transaction: whoever locks a payment locks stock after it.
                opened = self.uow.run(tenant, lambda tx: self._resume(tx, opened.claim))
            if opened.answer is not None:
                return fresh_secret(opened.answer, tenant, self.uow, self.gateway)
            return self._charge_and_settle(command, opened)
        except Exception:
            # Whatever went wrong, the buyer may try again at once; a release that fails lapses.
            with suppress(TicketpayError):
                self.uow.run(
                    tenant, lambda tx: tx.idempotency.release(opened.claim, self.clock.now())
                )
            raise

    def _open(self, tx: Tx, command: PlaceOrder, inquiry: TaxInquiry | None) -> _Opened:
        now = self.clock.now()
        claimed = tx.idempotency.claim(command.key, command.request_hash, now)
        # The stock first: whoever cancels the event holds it until the event is off sale.
        stock = _lock_stock(tx, command)
        offer, held = _read_offer(tx, command), _read_plan(tx, command)
        quoted = tx.quotes.get(command.quote_id) if command.quote_id else None
        claim = claimed()
        claim.refuse_if_not_ours()
        if claim.status is ClaimStatus.FINISHED:
            return _Opened(claim, answer=claim.answer)
        if claim.payment_id is not None:
            return _Opened(claim)
        try:
            _check_method(command.method)
            quote = self._quote(
                tx, command, offer(), held(), quoted() if quoted else None, now, inquiry
            )
            check_venue(quote, command.venue_id)
            _check_total(quote, command.expected_total_cents)
            check_available(stock(), quote.demand())
            self._check_cap(tx, offer(), held(), quote, now)
            order = self._new_order(quote, command, now)
            payment = self._new_payment(order, command, now)
        except (Rejected, Conflict, NotFound) as error:
            return self._refuse(tx, claim, error, now)
        return self._write(tx, claim, order, payment, quote, now)

    def _quote(
        self,
        tx: Tx,
        command: PlaceOrder,
        offer: Offer | None,
        held: Subscription | None,
        quoted: Quote | None,
        now: datetime,
        inquiry: TaxInquiry | None,
    ) -> Quote:
        if command.quote_id is not None:
            quote = taken_quote(quoted, command.actor, command.demand, now, command.currency)
            if offer is not None and not offer.event.on_sale:
                raise EventNotOnSale(f"event {offer.event.id} is not on sale")
            return quote
        assert command.demand is not None, "a purchase names a quote or a demand"
        return self.prices.price(
            tx, offer, held, command.demand, command.actor, self.ids, now, inquiry
        )

    def _check_cap(
        self,
        tx: Tx,
        offer: Offer | None,
        held: Subscription | None,
        quote: Quote,
        now: datetime,
    ) -> None:
        """The venue's plan sells that many tickets this month (S19 D1)."""
        assert offer is not None, "what is priced is offered"
        check_tickets_left(tx, held, offer.venue, len(quote.tickets), now, self.prices.plans)

    def _refuse(self, tx: Tx, claim: Claim, error: TicketpayError, now: datetime) -> _Opened:
        answer = refusal(error)
        tx.idempotency.finish(claim, answer, now)
        return _Opened(claim, answer=answer)

    def _write(
        self, tx: Tx, claim: Claim, order: Order, payment: Payment, quote: Quote, now: datetime
    ) -> _Opened:
        tx.orders.add(order)
        tx.stock.hold(order.id, quote.demand())
        submit = ORDER_MACHINE.step(order.state, OrderEvent.SUBMIT)
        order = tx.orders.move(order, [submit], now)
        tx.payments.add(payment)
        tx.outbox.emit([self._created(payment, now)])
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, first_look_at(now))
        claim = tx.idempotency.advance(claim, payment.id)
        return _Opened(claim, payment, order.expires_at)

    def _resume(self, tx: Tx, claim: Claim) -> _Opened:
        """The recovery point: finish what is already decided, else charge again with the same key."""
        case = _reopen(tx, claim)
        if case.payment.ref is None and case.payment.state is PaymentState.PENDING:
            tx.payments.sent_again(case.payment.id, self.clock.now())
            return _Opened(claim, case.payment, case.order.expires_at)
        answer = answer_of(case.payment, case.order)
        tx.idempotency.finish(claim, answer, self.clock.now())
        return _Opened(claim, answer=answer)

    def _charge_and_settle(self, command: PlaceOrder, opened: _Opened) -> Answer:
        assert opened.payment is not None, "open gives a payment or an answer"
        assert opened.expires_at is not None, "open gives the deadline with the payment"
        tenant = command.actor.tenant_id
        try:
            fact = self._charge(tenant, command, opened.payment, opened.expires_at)
        except PaymentDeclined as refused:
            return self._settle_refusal(tenant, opened, refused)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(
                f"the provider has not answered for payment {opened.payment.id}:"
                " repeat the request with the same key"
            ) from error
        answer = self.uow.run(tenant, lambda tx: self._settle(tx, opened.claim, fact))
        return with_secret(answer, fact)

    def _charge(
        self, tenant: TenantId, command: PlaceOrder, payment: Payment, expires_at: datetime
    ) -> ProviderFact:
        """Send the charge, or only ask for it once it is too late to send it (design 2)."""
        now = self.clock.now()
        too_old = now >= payment.sent_at + timedelta(seconds=KEY_SECONDS_MAX)
        if too_old or now >= expires_at:
            fact = self.gateway.find(tenant, payment.id, payment.sent_at)
            if fact is None:
                raise OutcomeUnknown(f"payment {payment.id} is too old to be sent again")
            return fact
        return self.gateway.charge(
            ChargeRequest(
                tenant_id=tenant,
                payment_id=payment.id,
                order_id=payment.order_id,
                amount=payment.amount,
                capture_method=payment.capture_method,
                method=command.method,
                metadata=command.metadata,
                key=payment.charge_key,
            )
        )

    def _settle(self, tx: Tx, claim: Claim, fact: ProviderFact) -> Answer:
        now = self.clock.now()
        case = self.desk.apply(tx, _reopen(tx, claim), fact, now)
        return self._finish(tx, claim, case, now)

    def _settle_refusal(
        self, tenant: TenantId, opened: _Opened, refused: PaymentDeclined
    ) -> Answer:
        claim = opened.claim

        def settle(tx: Tx) -> Answer:
            now = self.clock.now()
            case = _reopen(tx, claim)
            failed = attrs.evolve(case.payment, failure=refused.failure)
            case = self.desk.refuse(tx, attrs.evolve(case, payment=failed), now)
            return self._finish(tx, claim, case, now)

        return self.uow.run(tenant, settle)

    def _finish(self, tx: Tx, claim: Claim, case: Case, now: datetime) -> Answer:
        answer = answer_of(case.payment, case.order)
        tx.idempotency.finish(claim, answer, now)
        return answer

    def _new_order(self, quote: Quote, command: PlaceOrder, now: datetime) -> Order:
        hold = timedelta(seconds=HOLD_SECONDS[command.method.type])
        return Order.of(quote, order_id=OrderId(self.ids.new()), now=now, expires_at=now + hold)

    def _new_payment(self, order: Order, command: PlaceOrder, now: datetime) -> Payment:
        return Payment(
            id=PaymentId(self.ids.new()),
            order_id=order.id,
            state=PAYMENT_MACHINE.initial,
            amount=order.total,
            capture_method=CaptureMethod.AUTOMATIC,
            user_id=order.user_id,
            event_id=order.event_id,
            venue_id=order.venue_id,
            ticket_count=order.ticket_count,
            method_type=command.method.type,
            device_fingerprint=command.device_fingerprint,
            created_at=now,
            sent_at=now,
        )

    def _created(self, payment: Payment, now: datetime) -> Message:
        return message_about(
            self.ids,
            "payment.created",
            AggregateType.PAYMENT,
            payment.id,
            now,
            paymentId=str(payment.id),
            orderId=str(payment.order_id),
            amountCents=payment.amount.cents,
            currency=payment.amount.currency.code,
        )


def _reopen(tx: Tx, claim: Claim) -> Case:
    """The case of a claim, locked after its key; raises ``Conflict`` when the key is not ours."""
    assert claim.payment_id is not None, "only a claim with a payment is settled"
    return open_claimed(tx, claim, claim.payment_id)


def _read_offer(tx: Tx, command: PlaceOrder) -> Later[Offer | None]:
    if command.demand is not None:
        return tx.catalog.offer(command.demand.event_id)
    assert command.quote_id is not None, "a purchase names a quote or a demand"
    return tx.catalog.offer_of_quote(command.quote_id)


def _read_plan(tx: Tx, command: PlaceOrder) -> Later[Subscription | None]:
    if command.quote_id is not None:
        return tx.subscriptions.of_quote(command.quote_id)
    assert command.demand is not None, "a purchase names a quote or a demand"
    return tx.subscriptions.of_event(command.demand.event_id)


def _lock_stock(tx: Tx, command: PlaceOrder) -> Later[StockView]:
    if command.quote_id is not None:
        return tx.stock.lock_quoted(command.quote_id)
    assert command.demand is not None, "a purchase names a quote or a demand"
    return tx.stock.lock(command.demand)


def _check_method(method: PaymentMethod) -> None:
    if method.type not in HOLD_SECONDS:
        wrong = FieldError("paymentMethod.type", f"must be one of {', '.join(HOLD_SECONDS)}")
        raise PaymentMethodUnsupported(
            f"payment method {method.type} is not supported", errors=(wrong,)
        )


def _check_total(quote: Quote, expected_cents: int | None) -> None:
    if expected_cents is not None and expected_cents != quote.total.cents:
        wrong = FieldError("totalCents", f"must be {quote.total.cents}")
        raise PriceChanged(
            f"the order costs {quote.total.cents} cents, not {expected_cents}", errors=(wrong,)
        )
