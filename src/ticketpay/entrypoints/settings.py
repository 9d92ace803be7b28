"""Settings: everything that the environment may say, typed, checked and never printed (S02, 3.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput

__all__ = ["KNOWN_DEFAULTS", "Network", "Secret", "Settings", "load_settings"]

Network = IPv4Network | IPv6Network

KNOWN_DEFAULTS: Final = frozenset(
    {
        "TicketToken2024Secure!",
        "postgres",
        "internal-webhook-secret-change-in-production",
        "dev-secret-change-in-production",
        "change-this-to-random-32-char-string-in-production",
    }
)
"""Secrets that have stood in public; production refuses them (S02 D4)."""

_NEXT_ADDRESS: Final = re.compile(r"\s+(?=postgres(?:ql)?://)")
_DAY_MS: Final = 24 * 3600 * 1000
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_ENVIRONMENTS: Final = ("development", "staging", "production")


@attrs.frozen(repr=False)
class Secret:
    """A text that is never printed."""

    value: str

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def parts(self) -> tuple[str, ...]:
        """The addresses in it, separated by blanks: one per database."""
        return tuple(part for part in _NEXT_ADDRESS.split(self.value.strip()) if part)

    def __repr__(self) -> str:
        return "Secret(***)"


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of one process; times in milliseconds or seconds as the names say."""

    app_env: str = "development"
    port: int = 3005
    database_url: Secret = Secret("")
    migration_database_url: Secret = Secret("")
    worker_database_url: Secret = Secret("")
    db_transaction_pooler: bool = False
    stripe_secret_key: Secret = Secret("")
    stripe_webhook_secrets: tuple[Secret, ...] = ()
    stripe_api_base: str = ""
    jwt_secret: Secret = Secret("")
    jwt_issuer: str = "tickettoken"
    jwt_audience: str = "tickettoken-platform"
    internal_webhook_secret: Secret = Secret("")
    audit_keys: tuple[Secret, ...] = ()
    ticket_service_url: str = "http://localhost:3004"
    payment_timeout_ms: int = 30_000
    idempotency_takeover_seconds: int = 90
    db_pool_max: int = 8
    worker_pool_max: int = 4
    log_level: str = "info"
    redis_url: Secret = Secret("")
    enable_rate_limiting: bool = True
    rate_limit_window_ms: int = 60_000
    rate_limit_max_requests: int = 100
    rate_limit_max_payments: int = 10
    rate_limit_max_refunds: int = 5
    one_purchase_at_a_time: bool = True
    trusted_proxies: tuple[Network, ...] = ()
    slow_request_ms: int = 1_000
    cors_origins: tuple[str, ...] = ()
    drain_seconds: int = 0
    enable_metrics: bool = False
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9090
    worker_metrics_port: int = 9091

    @property
    def livemode(self) -> bool:
        """Whether the provider's key is a live one."""
        return self.stripe_secret_key.value.startswith(("sk_live_", "rk_live_"))


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from the environment; raises ``InvalidInput`` naming every wrong variable."""
    errors: list[FieldError] = []
    settings = Settings(
        app_env=environ.get("APP_ENV", "development"),
        port=_number(environ, "PORT", 3005, errors),
        db_transaction_pooler=_flag(environ, "DB_TRANSACTION_POOLER", errors),
        database_url=Secret(environ.get("DATABASE_URL", "")),
        migration_database_url=Secret(environ.get("MIGRATION_DATABASE_URL", "")),
        worker_database_url=Secret(
            environ.get("WORKER_DATABASE_URL") or _worker_url(environ.get("DATABASE_URL", ""))
        ),
        stripe_secret_key=Secret(environ.get("STRIPE_SECRET_KEY", "")),
        stripe_webhook_secrets=_secrets(environ.get("STRIPE_WEBHOOK_SECRET", "")),
        stripe_api_base=environ.get("STRIPE_API_BASE", ""),
        jwt_secret=Secret(environ.get("JWT_SECRET", "")),
        jwt_issuer=environ.get("JWT_ISSUER", "tickettoken"),
        jwt_audience=environ.get("JWT_AUDIENCE", "tickettoken-platform"),
        internal_webhook_secret=Secret(environ.get("INTERNAL_WEBHOOK_SECRET", "")),
        audit_keys=_secrets(environ.get("AUDIT_KEY", "")),
        ticket_service_url=environ.get("TICKET_SERVICE_URL", "http://localhost:3004"),
        payment_timeout_ms=_number(environ, "PAYMENT_TIMEOUT_MS", 30_000, errors),
        idempotency_takeover_seconds=_number(environ, "IDEMPOTENCY_TAKEOVER_SECONDS", 90, errors),
        db_pool_max=_number(environ, "DB_POOL_MAX", 8, errors),
        worker_pool_max=_number(environ, "WORKER_POOL_MAX", 4, errors),
        log_level=environ.get("LOG_LEVEL", "info"),
        redis_url=Secret(environ.get("REDIS_URL", "")),
        enable_rate_limiting=_flag(environ, "ENABLE_RATE_LIMITING", errors, default=True),
        rate_limit_window_ms=_number(environ, "RATE_LIMIT_WINDOW_MS", 60_000, errors),
        rate_limit_max_requests=_number(environ, "RATE_LIMIT_MAX_REQUESTS", 100, errors),
        rate_limit_max_payments=_number(environ, "RATE_LIMIT_MAX_PAYMENTS", 10, errors),
        rate_limit_max_refunds=_number(environ, "RATE_LIMIT_MAX_REFUNDS", 5, errors),
        one_purchase_at_a_time=_flag(environ, "ONE_PURCHASE_AT_A_TIME", errors, default=True),
        trusted_proxies=_networks(environ, "TRUSTED_PROXIES", errors),
        slow_request_ms=_number(environ, "SLOW_REQUEST_MS", 1_000, errors),
        cors_origins=_origins(environ, errors),
        drain_seconds=_drain_seconds(environ, errors),
        enable_metrics=_flag(environ, "ENABLE_METRICS", errors),
        metrics_host=environ.get("METRICS_HOST", "127.0.0.1"),
        metrics_port=_number(environ, "METRICS_PORT", 9090, errors),
        worker_metrics_port=_number(environ, "WORKER_METRICS_PORT", 9091, errors),
    )
    errors.extend(_refusals(settings))
    if errors:
        raise InvalidInput(
            "; ".join(f"{e.field}: {e.message}" for e in errors), errors=tuple(errors)
        )
    return settings


def _worker_url(url: str) -> str:
    """The same databases with the worker's role: migrations give both the same password."""
    return url.replace("//ticketpay_app:", "//ticketpay_worker:")


def _flag(
    environ: Mapping[str, str], name: str, errors: list[FieldError], *, default: bool = False
) -> bool:
    text = environ.get(name, "").lower()
    if text not in ("", "true", "false"):
        errors.append(FieldError(name, "must be true or false"))
    return text == "true" if text else default


def _networks(
    environ: Mapping[str, str], name: str, errors: list[FieldError]
) -> tuple[Network, ...]:
    """Addresses and CIDR blocks, separated by commas."""
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in environ.get(name, "").split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            errors.append(FieldError(name, f"{part!r} is no IP address or CIDR block"))
    return tuple(found)


def _limit_refusals(settings: Settings) -> list[FieldError]:
    """What the rate limits could not be made of."""
    errors = []
    url = settings.redis_url.value
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        errors.append(FieldError("REDIS_URL", "must begin with redis://, rediss:// or unix://"))
    if settings.rate_limit_window_ms > _DAY_MS:
        errors.append(FieldError("RATE_LIMIT_WINDOW_MS", f"must be at most {_DAY_MS}"))
    bursts = {
        "RATE_LIMIT_MAX_REQUESTS": settings.rate_limit_max_requests,
        "RATE_LIMIT_MAX_PAYMENTS": settings.rate_limit_max_payments,
        "RATE_LIMIT_MAX_REFUNDS": settings.rate_limit_max_refunds,
    }
    # Beyond a request a microsecond there is nothing to count.
    most = settings.rate_limit_window_ms * 1000
    errors += [
        FieldError(name, "is more than one a microsecond")
        for name, burst in bursts.items()
        if burst > most
    ]
    return errors


def _counts(settings: Settings) -> list[FieldError]:
    """Every role must be able to reach every database."""
    number = len(settings.database_url.parts)
    named = {
        "MIGRATION_DATABASE_URL": settings.migration_database_url,
        "WORKER_DATABASE_URL": settings.worker_database_url,
    }
    return [
        FieldError(name, f"names {len(secret.parts)} databases, DATABASE_URL {number}")
        for name, secret in named.items()
        if number and secret and len(secret.parts) != number
    ]


def _origins(environ: Mapping[str, str], errors: list[FieldError]) -> tuple[str, ...]:
    """Exact origins only: a wildcard or "null" would let any page speak for a buyer."""
    found = tuple(part.strip() for part in environ.get("CORS_ORIGINS", "").split(","))
    named = tuple(part for part in found if part)
    if not all(map(_ORIGIN.fullmatch, named)):
        message = "must list exact origins like https://shop.example, separated by commas"
        errors.append(FieldError("CORS_ORIGINS", message))
    return named


def _drain_seconds(environ: Mapping[str, str], errors: list[FieldError]) -> int:
    """Zero is a value here."""
    if environ.get("DRAIN_SECONDS") == "0":
        return 0
    return _number(environ, "DRAIN_SECONDS", 0, errors)


def _secrets(text: str) -> tuple[Secret, ...]:
    return tuple(Secret(part.strip()) for part in text.split(",") if part.strip())


def _number(environ: Mapping[str, str], name: str, default: int, errors: list[FieldError]) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        errors.append(FieldError(name, "must be a positive integer"))
        return default
    return int(text)


def _refusals(settings: Settings) -> list[FieldError]:
    if settings.app_env not in _ENVIRONMENTS:
        return [FieldError("APP_ENV", f"must be one of {', '.join(_ENVIRONMENTS)}")]
    errors = [*_counts(settings), *_limit_refusals(settings)]
    if settings.log_level.lower() not in _LOG_LEVELS:
        errors.append(FieldError("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}"))
    secret = settings.jwt_secret.value
    if secret and len(secret) < 32:
        errors.append(FieldError("JWT_SECRET", "must have at least 32 characters (RFC 7518 3.2)"))
    if any(len(key.value) < 32 for key in settings.audit_keys):
        errors.append(FieldError("AUDIT_KEY", "must have at least 32 characters"))
    if settings.app_env == "production":
        errors.extend(_production_refusals(settings))
    return errors


def _production_refusals(settings: Settings) -> list[FieldError]:
    """R12, S15 D1: no default, short or missing secret, no test key, no sandbox."""
    needed = {
        "DATABASE_URL": settings.database_url,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET": next(iter(settings.stripe_webhook_secrets), Secret("")),
        "JWT_SECRET": settings.jwt_secret,
    }
    errors = [FieldError(n, "is required in production") for n, s in needed.items() if not s]
    # Only the worker calls the ticket service, so the API runs without this one.
    given = needed | {"INTERNAL_WEBHOOK_SECRET": settings.internal_webhook_secret}
    errors += [
        FieldError(name, "is a publicly known default")
        for name, secret in given.items()
        if secret.value in KNOWN_DEFAULTS
    ]
    internal = settings.internal_webhook_secret.value
    if internal and len(internal) < 32:
        errors.append(FieldError("INTERNAL_WEBHOOK_SECRET", "must have at least 32 characters"))
    if settings.stripe_secret_key and not settings.livemode:
        errors.append(FieldError("STRIPE_SECRET_KEY", "a test key is refused in production"))
    if settings.stripe_api_base:
        errors.append(FieldError("STRIPE_API_BASE", "the sandbox is refused in production"))
    return errors
