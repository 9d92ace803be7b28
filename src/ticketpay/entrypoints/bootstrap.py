"""The composition root: the only module that knows every adapter.

``build`` wires the real adapters from settings; ``assemble`` wires any adapters that fulfil the
ports, which is how the simulator runs the same use cases in memory. Adapters are imported where
they are used, so that ``ticketpay --help`` loads neither Stripe nor a database driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.messaging import EMITTED, ROUTES, check_routes
from ticketpay.domain.money import DEVELOPMENT_RATES
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
from ticketpay.domain.processes.subscribing import ShowSubscription, Subscribe, SyncPlan, VenuePlans
from ticketpay.domain.processes.taxing import ListEstimatedTaxes, TaxDesk
from ticketpay.domain.processes.venue_money import ConnectVenue, ShowVenue, VenueMoney
from ticketpay.domain.refunds import RefundRules

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap
    from ticketpay.adapters.redis import RedisClient
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.parties import Tenant
    from ticketpay.entrypoints.metrics import Metrics
    from ticketpay.entrypoints.settings import Settings
    from ticketpay.ports.billing import PlanBilling
    from ticketpay.ports.catalog import CatalogWriter
    from ticketpay.ports.exchange import RateLoader
    from ticketpay.ports.limits import PurchaseTurns
    from ticketpay.ports.messaging import TicketService
    from ticketpay.ports.payments import PaymentGateway, WebhookReader
    from ticketpay.ports.payouts import PayoutGateway
    from ticketpay.ports.system import Alerts, Clock, Ids, Random
    from ticketpay.ports.tax import TaxRates
    from ticketpay.ports.transactions import UnitOfWork

__all__ = [
    "App",
    "Parts",
    "assemble",
    "audit_desk",
    "build",
    "catalog_writer",
    "configure_logging",
    "fresh_id",
    "migrate",
    "now",
    "owner_dsns",
    "rate_loader",
    "registered",
    "scraped",
    "serve_sandbox",
    "tenants",
]

_TURN_MARGIN_SECONDS: Final = 10


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


def _metered(gateway: PaymentGateway, metrics: Metrics | None) -> PaymentGateway:
    """The gateway, measured if somebody counts."""
    if metrics is None:
        return gateway
    from ticketpay.entrypoints.metrics import MeteredGateway

    return MeteredGateway(gateway, metrics)


def _metrics(settings: Settings) -> Metrics | None:
    """A registry of its own; None when ENABLE_METRICS says no."""
    if not settings.enable_metrics:
        return None
    from ticketpay.entrypoints.metrics import Metrics

    return Metrics()


def build(settings: Settings, *, worker: bool = False, reading: bool = False) -> App:
    """The production application: PostgreSQL, Stripe, the ticket service.

    For ``reading`` only the database has to be set. Raises ``InvalidInput`` when a needed setting is missing and ``Conflict`` when the database
    role would make row-level security void.
    """
    from ticketpay.adapters.postgres.backlog import backlog
    from ticketpay.adapters.postgres.uow import PostgresUnitOfWork
    from ticketpay.adapters.system.alerts import LogAlerts
    from ticketpay.adapters.system.chance import SystemRandom
    from ticketpay.adapters.system.clock import SystemClock
    from ticketpay.adapters.system.ids import Uuid7

    _require(settings, worker=worker, reading=reading)
    metrics = _metrics(settings)
    uow = PostgresUnitOfWork(
        _databases(settings, worker=worker),
        takeover_seconds=settings.idempotency_takeover_seconds,
    )
    clock, ids, alerts = SystemClock(), Uuid7(), LogAlerts()
    redis = None if worker else _redis(settings, alerts)
    parts = Parts(
        uow=uow,
        gateway=_metered(_stripe(settings), metrics),
        reader=_webhooks(settings),
        tickets=_tickets(settings, clock, ids),
        clock=clock,
        ids=ids,
        random=SystemRandom(),
        alerts=alerts,
        audit_keys=_audit_keys(settings),
        metrics=metrics,
        admit=_admission(redis, clock) if settings.enable_rate_limiting else None,
        refund_rules=_refund_rules(settings),
        exchange=_exchange_rules(settings),
        payout_rules=_payout_rules(settings),
        hold_rules=HoldRules(hold_days=settings.payout_hold_days),
        payouts=_payouts(settings),
        billing=_billing(settings),
        turns=_turns(settings, redis) if settings.one_purchase_at_a_time else None,
        tax_rates=None if worker else _tax_rates(settings),
    )
    if metrics is not None:
        metrics.watch_database(lambda: backlog(uow, clock.now()))
    return _opened(parts, uow, redis)


def _webhooks(settings: Settings) -> WebhookReader:
    from ticketpay.adapters.stripe.webhook import StripeWebhooks

    return StripeWebhooks(tuple(secret.value for secret in settings.stripe_webhook_secrets))


def _tickets(settings: Settings, clock: Clock, ids: Ids) -> TicketService:
    from ticketpay.adapters.outbound.tickets import HttpTicketService

    secret = settings.internal_webhook_secret.value
    return HttpTicketService(settings.ticket_service_url, secret, clock, ids)


def _opened(parts: Parts, uow: PostgresUnitOfWork, redis: RedisClient | None) -> App:
    """The application, with what tells of its servers and what gives them back."""
    if redis is None:
        return assemble(parts, ready=uow.ready, close=uow.close)
    closing = (uow.close, redis.close)
    return assemble(parts, ready=uow.ready, redis_state=redis.state, close=lambda: _close(closing))


def _refund_rules(settings: Settings) -> RefundRules:
    return RefundRules(
        window_days=settings.refund_window_days, approval_cents=settings.refund_approval_cents
    )


def _exchange_rules(settings: Settings) -> ExchangeRules:
    """The constants price sales in development alone (S23)."""
    play = settings.app_env == "development"
    return ExchangeRules(
        days_max=settings.exchange_rate_days_max, fallback=DEVELOPMENT_RATES if play else None
    )


def _payout_rules(settings: Settings) -> PayoutRules:
    return PayoutRules(
        minimum_cents=settings.payout_minimum_cents,
        daily_max_cents=settings.payout_daily_max_cents,
        reserve_days=settings.payout_reserve_days,
        instant_fee_min_cents=settings.instant_payout_fee_min_cents,
    )


def _close(closing: Iterable[Callable[[], None]]) -> None:
    for close in closing:
        close()


def _stripe(settings: Settings) -> PaymentGateway:
    from ticketpay.adapters.stripe.gateway import StripeGateway

    return StripeGateway.create(
        settings.stripe_secret_key.value,
        api_base=settings.stripe_api_base,
        timeout_seconds=settings.payment_timeout_ms / 1000,
    )


def _payouts(settings: Settings) -> PayoutGateway:
    from ticketpay.adapters.stripe.payouts import StripePayouts

    return StripePayouts.create(
        settings.stripe_secret_key.value,
        api_base=settings.stripe_api_base,
        timeout_seconds=settings.payment_timeout_ms / 1000,
    )


def _billing(settings: Settings) -> PlanBilling | None:
    """Nobody pays for a plan where PLAN_BILLING is off."""
    if settings.plan_billing == "off":
        return None
    from ticketpay.adapters.stripe.billing import StripeBilling

    return StripeBilling.create(
        settings.stripe_secret_key.value,
        api_base=settings.stripe_api_base,
        timeout_seconds=settings.payment_timeout_ms / 1000,
    )


def _tax_rates(settings: Settings) -> TaxRates | None:
    """TaxJar, if there is a key for it."""
    if not settings.taxjar_api_key:
        return None
    from ticketpay.adapters.taxjar import TaxJarRates

    return TaxJarRates.create(
        settings.taxjar_api_key.value,
        api_base=settings.taxjar_api_base,
        timeout_seconds=settings.taxjar_timeout_ms / 1000,
    )


def _redis(settings: Settings, alerts: Alerts) -> RedisClient | None:
    """The one client of Redis, if there is a Redis; it connects when it is first used."""
    if not settings.redis_url:
        return None
    from ticketpay.adapters.redis import RedisClient

    return RedisClient.create(settings.redis_url.value, alerts)


def _admission(redis: RedisClient | None, clock: Clock) -> AdmitRequest:
    """Counts in Redis, and in this process when there is none or it is down."""
    from ticketpay.adapters.memory.limits import MemoryRateLimiter

    local = MemoryRateLimiter(clock)
    if redis is None:
        return AdmitRequest(local=local)
    from ticketpay.adapters.redis import RedisRateLimiter

    return AdmitRequest(local=local, shared=RedisRateLimiter(redis))


def _turns(settings: Settings, redis: RedisClient | None) -> PurchaseTurns | None:
    """A turn lasts longer than the provider may take (S16 D5)."""
    if redis is None:
        return None
    from ticketpay.adapters.redis import RedisPurchaseTurns

    return RedisPurchaseTurns(redis, settings.payment_timeout_ms // 1000 + _TURN_MARGIN_SECONDS)


def _databases(settings: Settings, *, worker: bool) -> TenantMap:
    """The pools of every database, each checked for its role and its place first."""
    from ticketpay.adapters.postgres.migrate import check_role
    from ticketpay.adapters.postgres.places import check_place
    from ticketpay.adapters.postgres.uow import TenantMap, open_pool

    dsns = (settings.worker_database_url if worker else settings.database_url).parts
    for place, dsn in enumerate(dsns):
        check_role(dsn)
        check_place(dsn, place, len(dsns))
    name = "ticketpay-worker" if worker else "ticketpay-api"
    size = settings.worker_pool_max if worker else settings.db_pool_max
    prepared = not settings.db_transaction_pooler
    pools = [open_pool(dsn, size_max=size, name=name, prepared=prepared) for dsn in dsns]
    return TenantMap(tuple(pools))


def configure_logging(settings: Settings) -> None:
    """JSON lines on stderr from the level of the settings on."""
    from ticketpay.adapters.system.logging import configure_logging as configure

    configure(settings.log_level)


def _require(settings: Settings, *, worker: bool, reading: bool) -> None:
    from ticketpay.entrypoints.settings import missing

    names_missing = missing(settings, worker=worker)
    wanted = [n for n in names_missing if not reading or n.endswith("DATABASE_URL")]
    errors = tuple(FieldError(name, "is required") for name in wanted)
    if errors:
        names = ", ".join(error.field for error in errors)
        raise InvalidInput(f"missing settings: {names}", errors=errors)


def migrate(
    dsn: str,
    *,
    app_password: str = "",
    worker_password: str = "",
    place: int = 0,
    databases: int = 1,
) -> list[str]:
    """Apply the migrations as the owner and, with passwords, let the two roles log in.

    It is database ``place`` (from 0) of so many; raises ``Conflict`` when it was another before.
    """
    from ticketpay.adapters.postgres.migrate import (
        APP_ROLE,
        WORKER_ROLE,
        apply_migrations,
        set_password,
    )
    from ticketpay.adapters.postgres.places import take_place

    applied = apply_migrations(dsn)
    take_place(dsn, place, databases)
    for role, password in ((APP_ROLE, app_password), (WORKER_ROLE, worker_password)):
        if password:
            set_password(dsn, role, password)
    return applied


def owner_dsns(settings: Settings) -> tuple[str, ...]:
    """The owner's connection strings; raises ``InvalidInput`` when it is not set."""
    if not settings.migration_database_url:
        wrong = FieldError("MIGRATION_DATABASE_URL", "is required for this command")
        raise InvalidInput(f"{wrong.field} {wrong.message}", errors=(wrong,))
    return settings.migration_database_url.parts


def scraped(app: App, host: str, port: int) -> AbstractContextManager[None]:
    """While it is open, Prometheus may ask for what ``app`` counts, if it does."""
    return nullcontext() if app.metrics is None else app.metrics.served(host, port)


@contextmanager
def audit_desk(settings: Settings) -> Iterator[AuditDesk]:
    """The audit trail alone: DATABASE_URL is all that it takes."""
    from ticketpay.adapters.postgres.uow import PostgresUnitOfWork

    uow = PostgresUnitOfWork(_databases(settings, worker=False))
    try:
        yield AuditDesk.of(uow, _audit_keys(settings))
    finally:
        uow.close()


def _audit_keys(settings: Settings) -> tuple[bytes, ...]:
    return tuple(key.value.encode() for key in settings.audit_keys)


def fresh_id() -> UUID:
    """An id as the application makes them."""
    from ticketpay.adapters.system.ids import Uuid7

    return Uuid7().new()


def now() -> datetime:
    """The time as the application sees it."""
    from ticketpay.adapters.system.clock import SystemClock

    return SystemClock().now()


def catalog_writer(settings: Settings) -> CatalogWriter:
    """What ``ticketpay catalog load`` writes with."""
    from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter

    return PostgresCatalogWriter(owner_dsns(settings))


def rate_loader(settings: Settings) -> RateLoader:
    """What ``ticketpay rates load`` writes with."""
    from ticketpay.adapters.postgres.exchange import PostgresRateLoader

    return PostgresRateLoader(owner_dsns(settings))


def serve_sandbox(words: list[str]) -> None:
    """Run the payment sandbox with these arguments until it is told to stop."""
    from ticketpay.adapters.sandbox.server import main

    main(words)


def registered(settings: Settings) -> tuple[Tenant, ...]:
    """Every tenant with its name, from all databases."""
    from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter

    return PostgresCatalogWriter(settings.database_url.parts).registered()


def tenants(settings: Settings, *, worker: bool = True) -> list[TenantId]:
    """Every tenant, from the platform tables of all databases."""
    from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter

    url = settings.worker_database_url if worker else settings.database_url
    return PostgresCatalogWriter(url.parts).tenants()
