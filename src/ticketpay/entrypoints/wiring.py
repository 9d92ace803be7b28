"""The application: every use case over the ports, whatever adapters fulfil them.

``assemble`` wires what it is given: the production adapters come from ``bootstrap.build``, those in
memory from whoever tests or simulates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.messaging import EMITTED, ROUTES, check_routes
from ticketpay.domain.payouts import PayoutRules
from ticketpay.domain.pricing import ExchangeRules, FeeSchedule, tax_table
from ticketpay.domain.processes.admission import AdmitRequest, OneAtATime
from ticketpay.domain.processes.auditing import AuditDesk, ChainAudit
from ticketpay.domain.processes.bookkeeping import RollUpLedger, TrialBalance, VerifyLedger
from ticketpay.domain.processes.cancelling import CancelEvent
from ticketpay.domain.processes.checkout import Checkout
from ticketpay.domain.processes.estimating import EstimateFees
from ticketpay.domain.processes.exchange_rates import ShowRates
from ticketpay.domain.processes.inbox import ProcessInbox, ReceiveWebhook
from ticketpay.domain.processes.janitor import Janitor
from ticketpay.domain.processes.keyed import PurgeKeys
from ticketpay.domain.processes.listing import ListSales, ShowStats
from ticketpay.domain.processes.operating import InboxDesk, PaymentDesk
from ticketpay.domain.processes.order_events import ApplyOrderEvent
from ticketpay.domain.processes.payment_actions import (
    CancelPayment,
    ConfirmPayment,
    ShowOrder,
    ShowPayment,
)
from ticketpay.domain.processes.payout_courier import PayoutCourier, SyncPayout
from ticketpay.domain.processes.payout_requests import AskPayout, CancelPayout
from ticketpay.domain.processes.plan_billing import PlanCourier, PlanDesk
from ticketpay.domain.processes.provider_facts import FactDesk
from ticketpay.domain.processes.quoting import GiveQuote, PriceBook
from ticketpay.domain.processes.refund_requests import AskRefund
from ticketpay.domain.processes.refund_sync import RefundSync
from ticketpay.domain.processes.refunding import (
    DecideRefund,
    Refunding,
    ShowDisputes,
    ShowRefund,
    SyncRefund,
)
from ticketpay.domain.processes.relay import RelayOutbox, ReplayStream
from ticketpay.domain.processes.releasing import HoldRules, ReleaseVenueMoney
from ticketpay.domain.processes.subscribing import Subscribe
from ticketpay.domain.processes.taxing import ListEstimatedTaxes, TaxDesk
from ticketpay.domain.processes.venue_money import ConnectVenue, ShowVenue, VenueMoney
from ticketpay.domain.processes.venue_plans import ShowSubscription, SyncPlan, VenuePlans
from ticketpay.domain.refunds import RefundRules

if TYPE_CHECKING:
    from ticketpay.entrypoints.metrics import Metrics
    from ticketpay.ports.billing import PlanBilling
    from ticketpay.ports.limits import PurchaseTurns
    from ticketpay.ports.messaging import TicketService
    from ticketpay.ports.payments import PaymentGateway, WebhookReader
    from ticketpay.ports.payouts import PayoutGateway
    from ticketpay.ports.system import Alerts, Clock, Ids, Random
    from ticketpay.ports.tax import TaxRates
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["App", "Parts", "assemble"]


@attrs.frozen(kw_only=True)
class Parts:
    """The adapters that an application is made of."""

    uow: UnitOfWork
    gateway: PaymentGateway
    reader: WebhookReader
    tickets: TicketService
    clock: Clock
    ids: Ids
    random: Random
    alerts: Alerts
    fees: FeeSchedule = attrs.field(factory=FeeSchedule)
    exchange: ExchangeRules = attrs.field(factory=ExchangeRules)
    refund_rules: RefundRules = attrs.field(factory=RefundRules)
    payout_rules: PayoutRules = attrs.field(factory=PayoutRules)
    hold_rules: HoldRules = attrs.field(factory=HoldRules)
    payouts: PayoutGateway | None = None
    billing: PlanBilling | None = None
    admit: AdmitRequest | None = None
    turns: PurchaseTurns | None = None
    audit_keys: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    metrics: Metrics | None = None
    tax_rates: TaxRates | None = None


@attrs.frozen(kw_only=True)
class App:
    """Every use case, ready to be called; ``close`` gives back what the adapters hold."""

    parts: Parts
    give_quote: GiveQuote
    estimate_fees: EstimateFees
    show_rates: ShowRates
    list_sales: ListSales
    list_estimated_taxes: ListEstimatedTaxes
    show_stats: ShowStats
    checkout: Checkout | OneAtATime
    confirm_payment: ConfirmPayment
    cancel_payment: CancelPayment
    show_payment: ShowPayment
    show_order: ShowOrder
    receive_webhook: ReceiveWebhook
    process_inbox: ProcessInbox
    relay_outbox: RelayOutbox
    replay_stream: ReplayStream
    janitor: Janitor
    roll_up_ledger: RollUpLedger
    trial_balance: TrialBalance
    verify_ledger: VerifyLedger
    refunding: Refunding
    venue_money: VenueMoney
    cancel_event: CancelEvent
    plans: VenuePlans
    payment_desk: PaymentDesk
    order_event: ApplyOrderEvent
    inbox_desk: InboxDesk
    chain_audit: ChainAudit
    purge_keys: PurgeKeys
    audit: AuditDesk
    metrics: Metrics | None = None
    admit: AdmitRequest | None = None
    ready: Callable[[], bool] = attrs.field(default=lambda: True)
    redis_state: Callable[[], str] = attrs.field(default=lambda: "off")
    close: Callable[[], None] = attrs.field(default=lambda: None)


def assemble(
    parts: Parts,
    *,
    ready: Callable[[], bool] = lambda: True,
    redis_state: Callable[[], str] = lambda: "off",
    close: Callable[[], None] = lambda: None,
) -> App:
    """Wire the use cases; raises ``UnroutedEvent`` when an emitted type has no route."""
    uow, clock, ids, gateway = parts.uow, parts.clock, parts.ids, parts.gateway
    desk = FactDesk(ids=ids, alerts=parts.alerts)
    prices, taxing = _prices(parts), _taxing(parts)
    return App(
        parts=parts,
        admit=parts.admit,
        metrics=parts.metrics,
        ready=ready,
        redis_state=redis_state,
        close=close,
        give_quote=GiveQuote(uow=uow, prices=prices, clock=clock, ids=ids, taxing=taxing),
        estimate_fees=EstimateFees(uow=uow, prices=prices, clock=clock),
        show_rates=ShowRates(uow=uow, prices=prices, clock=clock),
        list_sales=ListSales(uow=uow),
        list_estimated_taxes=ListEstimatedTaxes(uow=uow),
        show_stats=ShowStats(uow=uow, clock=clock),
        checkout=_checkout(parts, desk, prices, taxing),
        confirm_payment=ConfirmPayment(uow=uow, gateway=gateway, desk=desk, clock=clock),
        cancel_payment=CancelPayment(uow=uow, gateway=gateway, desk=desk, clock=clock),
        show_payment=ShowPayment(uow=uow),
        show_order=ShowOrder(uow=uow),
        receive_webhook=_receiver(parts),
        process_inbox=_inbox(parts, desk),
        relay_outbox=_relay(parts),
        replay_stream=ReplayStream(uow=uow, clock=clock),
        janitor=_janitor(parts, gateway, desk, prices),
        roll_up_ledger=RollUpLedger(uow=uow),
        trial_balance=TrialBalance(uow=uow),
        verify_ledger=_verify_ledger(parts),
        refunding=_refunding(parts, desk),
        venue_money=_venue_money(parts),
        cancel_event=CancelEvent(uow=uow, clock=clock),
        plans=_plans(parts, prices),
        payment_desk=PaymentDesk(uow=uow, gateway=gateway, desk=desk, clock=clock),
        order_event=ApplyOrderEvent(uow=uow, gateway=gateway, desk=desk, clock=clock),
        inbox_desk=InboxDesk(uow=uow, clock=clock),
        chain_audit=ChainAudit(uow=uow, clock=clock, keys=parts.audit_keys),
        purge_keys=PurgeKeys(uow=uow, clock=clock),
        audit=AuditDesk.of(uow, parts.audit_keys),
    )


def _checkout(
    parts: Parts, desk: FactDesk, prices: PriceBook, taxing: TaxDesk
) -> Checkout | OneAtATime:
    checkout = Checkout(
        uow=parts.uow,
        gateway=parts.gateway,
        desk=desk,
        prices=prices,
        clock=parts.clock,
        ids=parts.ids,
        taxing=taxing,
    )
    if parts.turns is None:
        return checkout
    return OneAtATime(checkout=checkout, turns=parts.turns, ids=parts.ids)


def _refunding(parts: Parts, desk: FactDesk) -> Refunding:
    uow, clock, refunds = parts.uow, parts.clock, desk.refunds
    return Refunding(
        ask=AskRefund(uow=uow, desk=refunds, clock=clock, rules=parts.refund_rules),
        decide=DecideRefund(uow=uow, desk=refunds, clock=clock),
        show=ShowRefund(uow=uow),
        sync=SyncRefund(uow=uow, gateway=parts.gateway, desk=refunds, clock=clock),
        sync_payment=RefundSync(uow=uow, gateway=parts.gateway, desk=desk, clock=clock),
        disputes=ShowDisputes(uow=uow),
    )


def _venue_money(parts: Parts) -> VenueMoney:
    uow, clock, ids, rules = parts.uow, parts.clock, parts.ids, parts.payout_rules
    release = ReleaseVenueMoney(
        uow=uow, clock=clock, alerts=parts.alerts, rules=parts.hold_rules, reserves=rules
    )
    return VenueMoney(
        release=release,
        ask=AskPayout(uow=uow, release=release, clock=clock, ids=ids, rules=rules),
        cancel=CancelPayout(uow=uow, clock=clock, ids=ids),
        connect=ConnectVenue(uow=uow, clock=clock),
        sync=SyncPayout(uow=uow, clock=clock),
        show=ShowVenue(uow=uow, clock=clock, rules=rules),
    )


def _plans(parts: Parts, prices: PriceBook) -> VenuePlans:
    uow, clock, plans = parts.uow, parts.clock, prices.plans
    courier = _plan_courier(parts, prices)
    return VenuePlans(
        plans=plans,
        subscribe=Subscribe(uow=uow, clock=clock, ids=parts.ids, plans=plans, courier=courier),
        show=ShowSubscription(uow=uow, clock=clock, plans=plans),
        sync=SyncPlan(uow=uow, clock=clock),
    )


def _verify_ledger(parts: Parts) -> VerifyLedger:
    return VerifyLedger(
        uow=parts.uow, gateway=parts.gateway, payouts=parts.payouts, billing=parts.billing
    )


def _plan_courier(parts: Parts, prices: PriceBook) -> PlanCourier:
    return PlanCourier(
        uow=parts.uow,
        desk=PlanDesk(ids=parts.ids, alerts=parts.alerts),
        clock=parts.clock,
        plans=prices.plans,
        billing=parts.billing,
    )


def _courier(parts: Parts) -> PayoutCourier | None:
    if parts.payouts is None:
        return None
    return PayoutCourier(
        uow=parts.uow,
        gateway=parts.payouts,
        clock=parts.clock,
        ids=parts.ids,
        alerts=parts.alerts,
    )


def _receiver(parts: Parts) -> ReceiveWebhook:
    return ReceiveWebhook(
        uow=parts.uow, reader=parts.reader, clock=parts.clock, alerts=parts.alerts
    )


def _inbox(parts: Parts, desk: FactDesk) -> ProcessInbox:
    return ProcessInbox(
        uow=parts.uow,
        reader=parts.reader,
        desk=desk,
        clock=parts.clock,
        random=parts.random,
        alerts=parts.alerts,
    )


def _prices(parts: Parts) -> PriceBook:
    return PriceBook(fees=parts.fees, taxes=tax_table(), exchange=parts.exchange)


def _taxing(parts: Parts) -> TaxDesk:
    return TaxDesk(rates=parts.tax_rates, alerts=parts.alerts)


def _relay(parts: Parts) -> RelayOutbox:
    check_routes(EMITTED, ROUTES)
    return RelayOutbox(
        uow=parts.uow,
        tickets=parts.tickets,
        routes=ROUTES,
        clock=parts.clock,
        random=parts.random,
        alerts=parts.alerts,
    )


def _janitor(parts: Parts, gateway: PaymentGateway, desk: FactDesk, prices: PriceBook) -> Janitor:
    return Janitor(
        uow=parts.uow,
        gateway=gateway,
        desk=desk,
        clock=parts.clock,
        ids=parts.ids,
        random=parts.random,
        alerts=parts.alerts,
        payouts=_courier(parts),
        plans=_plan_courier(parts, prices),
    )
