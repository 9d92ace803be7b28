"""The composition root: the only module that knows every adapter.

``build`` makes the real adapters from settings and has the use cases wired over them. Adapters are
imported where they are used, so that ``ticketpay --help`` loads neither Stripe nor a database driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.money import DEVELOPMENT_RATES
from ticketpay.domain.payouts import PayoutRules
from ticketpay.domain.pricing import ExchangeRules
from ticketpay.domain.processes.admission import AdmitRequest
from ticketpay.domain.processes.auditing import AuditDesk
from ticketpay.domain.processes.releasing import HoldRules
from ticketpay.domain.refunds import RefundRules
from ticketpay.entrypoints.wiring import Parts, assemble

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap
    from ticketpay.adapters.redis import RedisClient
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.parties import Tenant
    from ticketpay.entrypoints.metrics import Metrics
    from ticketpay.entrypoints.settings import Settings
    from ticketpay.entrypoints.wiring import App
    from ticketpay.ports.billing import PlanBilling
    from ticketpay.ports.catalog import CatalogWriter
    from ticketpay.ports.exchange import RateLoader
    from ticketpay.ports.limits import PurchaseTurns
    from ticketpay.ports.messaging import TicketService
    from ticketpay.ports.payments import PaymentGateway, WebhookReader
    from ticketpay.ports.payouts import PayoutGateway
    from ticketpay.ports.system import Alerts, Clock, Ids
    from ticketpay.ports.tax import TaxRates

__all__ = [
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

    For ``reading`` only the database has to be set. Raises ``InvalidInput`` when a needed setting is
    missing and ``Conflict`` when the database role would make row-level security void.
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
