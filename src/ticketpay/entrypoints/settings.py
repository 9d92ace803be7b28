"""Settings: everything that the environment may say, typed, checked and never printed (S02, 3.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput

__all__ = [
    "KNOWN_DEFAULTS",
    "Declared",
    "Network",
    "Secret",
    "Settings",
    "declarations",
    "load_settings",
    "named",
    "read_settings",
]

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
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_DAY_MS: Final = 24 * 3600 * 1000
_LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_ENVIRONMENTS: Final = ("development", "staging", "production")
_MAKE_ONE: Final = "make one with: openssl rand -base64 48"
_REMEDIES: Final[Mapping[str, str]] = {
    "DATABASE_URL": "set it to postgresql://ticketpay_app:PASSWORD@HOST:5432/DATABASE",
    "STRIPE_SECRET_KEY": "take the live key (sk_live_ or rk_live_) from the provider's dashboard",
    "STRIPE_WEBHOOK_SECRET": "take the signing secret (whsec_) of the webhook's endpoint",
    "JWT_SECRET": _MAKE_ONE,
    "AUDIT_KEY": _MAKE_ONE,
    "INTERNAL_WEBHOOK_SECRET": f"{_MAKE_ONE}, and give it to the ticket service too",
}
"""What to do about a secret that is refused."""


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
class Declared:
    """What a setting says about itself; ``parse`` raises ``ValueError`` saying what to do."""

    name: str
    parse: Callable[[str], object]
    kind: str
    needed_by: str
    says: str
    secret: bool


def _text(text: str) -> str:
    return text


def _secrets(text: str) -> tuple[Secret, ...]:
    return tuple(Secret(part.strip()) for part in text.split(",") if part.strip())


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("must be a positive integer")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _whole(text: str) -> int:
    """Zero is a value here."""
    if text == "0":
        return 0
    try:
        return _number(text)
    except ValueError:
        raise ValueError("must be an integer, at least 0") from None


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses and CIDR blocks, separated by commas."""
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(f"{part!r} is no IP address or CIDR block") from None
    return tuple(found)


def _origins(text: str) -> tuple[str, ...]:
    """Exact origins only: a wildcard or "null" would let any page speak for a buyer."""
    named = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not all(map(_ORIGIN.fullmatch, named)):
        raise ValueError("must list exact origins like https://shop.example, separated by commas")
    return named


def _states(text: str) -> frozenset[str]:
    """States by their two letters; a place without a tax rule would refuse every sale there."""
    from ticketpay.domain.pricing import STATES

    named = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if named - STATES:
        unknown = ", ".join(sorted(named - STATES))
        raise ValueError(f"{unknown}: must be two-letter states or DC, separated by commas")
    return named


def _billing(text: str) -> str:
    if text not in ("off", "stripe"):
        raise ValueError("must be off or stripe")
    return text


_KINDS: Final[Mapping[Callable[[str], object], str]] = {
    _text: "text",
    _billing: "off or stripe",
    Secret: "secret",
    _secrets: "secrets, separated by commas",
    _number: "positive integer",
    _flag: "true or false",
    _whole: "integer, 0 or more",
    _networks: "addresses and CIDR blocks, separated by commas",
    _origins: "origins, separated by commas",
    _states: "two-letter states, separated by commas",
}
_EMPTY_IS_NONE: Final = (_number, _whole, _flag)


def _setting(
    name: str, parse: Callable[[str], object], default: object, needed_by: str, says: str
) -> Any:
    """One setting, declared once: the field, its variable, its default and its sentence."""
    declared = Declared(
        name=name,
        parse=parse,
        kind=_KINDS[parse],
        needed_by=needed_by,
        says=says,
        secret=parse in (Secret, _secrets),
    )
    return attrs.field(default=default, metadata={Declared: declared})


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of one process; times in milliseconds or seconds as the names say."""

    app_env: str = _setting(
        "APP_ENV",
        _text,
        "development",
        "all",
        "development, staging or production; production refuses test keys, the sandbox, "
        "short and known secrets",
    )
    port: int = _setting("PORT", _number, 3005, "api", "the API's port")
    database_url: Secret = _setting(
        "DATABASE_URL",
        Secret,
        Secret(""),
        "api",
        "PostgreSQL as ticketpay_app; one address per database, separated by blanks",
    )
    migration_database_url: Secret = _setting(
        "MIGRATION_DATABASE_URL",
        Secret,
        Secret(""),
        "migrate, catalog load, rates load",
        "PostgreSQL as the owner; with it serve migrates first",
    )
    worker_database_url: Secret = _setting(
        "WORKER_DATABASE_URL",
        Secret,
        Secret(""),
        "worker",
        "PostgreSQL as ticketpay_worker; else DATABASE_URL with that role",
    )
    db_transaction_pooler: bool = _setting(
        "DB_TRANSACTION_POOLER",
        _flag,
        default=False,
        needed_by="api, worker",
        says="true behind a transaction pooler that does not track prepared statements "
        "(pgbouncer before 1.21)",
    )
    stripe_secret_key: Secret = _setting(
        "STRIPE_SECRET_KEY", Secret, Secret(""), "api, worker", "the provider's key"
    )
    stripe_webhook_secrets: tuple[Secret, ...] = _setting(
        "STRIPE_WEBHOOK_SECRET",
        _secrets,
        (),
        "api",
        "what the provider signs with; several while one is rotated",
    )
    stripe_api_base: str = _setting(
        "STRIPE_API_BASE", _text, "", "api, worker", "another address of the provider: the sandbox"
    )
    jwt_secrets: tuple[Secret, ...] = _setting(
        "JWT_SECRET",
        _secrets,
        (),
        "api",
        "signs bearer tokens; at least 32 characters; several while one is rotated, the first signs",
    )
    jwt_issuer: str = _setting(
        "JWT_ISSUER", _text, "tickettoken", "api", "the issuer that a token must name"
    )
    jwt_audience: str = _setting(
        "JWT_AUDIENCE", _text, "tickettoken-platform", "api", "the audience that a token must name"
    )
    internal_webhook_secret: Secret = _setting(
        "INTERNAL_WEBHOOK_SECRET", Secret, Secret(""), "worker", "signs calls to the ticket service"
    )
    ticket_service_url: str = _setting(
        "TICKET_SERVICE_URL", _text, "http://localhost:3004", "worker", "where order.paid goes"
    )
    payment_timeout_ms: int = _setting(
        "PAYMENT_TIMEOUT_MS",
        _number,
        30_000,
        "api, worker",
        "the total time of a call to the provider",
    )
    idempotency_takeover_seconds: int = _setting(
        "IDEMPOTENCY_TAKEOVER_SECONDS",
        _number,
        90,
        "api",
        "after this long a repeated request takes over",
    )
    db_pool_max: int = _setting(
        "DB_POOL_MAX", _number, 8, "api", "connections per process and database"
    )
    worker_pool_max: int = _setting(
        "WORKER_POOL_MAX", _number, 4, "worker", "connections per process and database"
    )
    log_level: str = _setting(
        "LOG_LEVEL", _text, "info", "all", "debug, info, warning, error or critical"
    )
    audit_keys: tuple[Secret, ...] = _setting(
        "AUDIT_KEY",
        _secrets,
        (),
        "worker, audit verify",
        "seals the checkpoints of the audit trail; several while one is rotated",
    )
    redis_url: Secret = _setting(
        "REDIS_URL",
        Secret,
        Secret(""),
        "api",
        "Redis or Valkey: redis://, rediss:// or unix://; without it each process counts alone",
    )
    enable_rate_limiting: bool = _setting(
        "ENABLE_RATE_LIMITING",
        _flag,
        default=True,
        needed_by="api",
        says="false turns the rate limits off",
    )
    rate_limit_window_ms: int = _setting(
        "RATE_LIMIT_WINDOW_MS",
        _number,
        60_000,
        "api",
        "the time in which a whole limit is earned, at most a day",
    )
    rate_limit_max_requests: int = _setting(
        "RATE_LIMIT_MAX_REQUESTS", _number, 100, "api", "requests by client address"
    )
    rate_limit_max_payments: int = _setting(
        "RATE_LIMIT_MAX_PAYMENTS", _number, 10, "api", "payments by user"
    )
    rate_limit_max_refunds: int = _setting(
        "RATE_LIMIT_MAX_REFUNDS", _number, 5, "api", "refunds by user"
    )
    one_purchase_at_a_time: bool = _setting(
        "ONE_PURCHASE_AT_A_TIME",
        _flag,
        default=True,
        needed_by="api",
        says="a second purchase of a buyer is refused while one is under way (needs Redis)",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "TRUSTED_PROXIES", _networks, (), "api", "whose X-Forwarded-For is believed"
    )
    slow_request_ms: int = _setting(
        "SLOW_REQUEST_MS", _number, 1_000, "api", "a longer request is warned about"
    )
    cors_origins: tuple[str, ...] = _setting(
        "CORS_ORIGINS", _origins, (), "api", "exact origins whose pages may call the API"
    )
    drain_seconds: int = _setting(
        "DRAIN_SECONDS",
        _whole,
        0,
        "api",
        "how long readiness says no before the server stops to accept",
    )
    enable_metrics: bool = _setting(
        "ENABLE_METRICS",
        _flag,
        default=False,
        needed_by="api, worker",
        says="true serves Prometheus metrics on a port of their own",
    )
    metrics_host: str = _setting(
        "METRICS_HOST", _text, "127.0.0.1", "api, worker", "the address that metrics listen on"
    )
    metrics_port: int = _setting("METRICS_PORT", _number, 9090, "api", "the API's metrics")
    worker_metrics_port: int = _setting(
        "WORKER_METRICS_PORT", _number, 9091, "worker", "the worker's metrics"
    )
    refund_window_days: int = _setting(
        "REFUND_WINDOW_DAYS",
        _number,
        30,
        "api",
        "days after the payment in which it is refunded; later an admin gives a reason",
    )
    refund_approval_cents: int = _setting(
        "REFUND_APPROVAL_CENTS",
        _whole,
        100_000,
        "api",
        "above so many cents of one payment a refund waits for a second person",
    )
    payout_minimum_cents: int = _setting(
        "PAYOUT_MINIMUM_CENTS",
        _whole,
        10_000,
        "api",
        "below so many cents nothing is payable, in whichever currency",
    )
    payout_daily_max_cents: int = _setting(
        "PAYOUT_DAILY_MAX_CENTS",
        _whole,
        5_000_000,
        "api",
        "so many cents of one currency are paid out to a venue on a UTC day at most",
    )
    instant_payout_fee_min_cents: int = _setting(
        "INSTANT_PAYOUT_FEE_MIN_CENTS",
        _whole,
        0,
        "api",
        "an instant payout costs 1 % and at least so many cents",
    )
    payout_hold_days: int = _setting(
        "PAYOUT_HOLD_DAYS",
        _whole,
        7,
        "api, worker",
        "days after its event until a venue's money is available",
    )
    payout_reserve_days: int = _setting(
        "PAYOUT_RESERVE_DAYS",
        _whole,
        120,
        "worker",
        "days until what a payout put into the venue's reserve is available again",
    )
    nexus_states: frozenset[str] = _setting(
        "NEXUS_STATES",
        _states,
        frozenset({"TN"}),
        "catalog load",
        "where a tenant collects sales tax whose catalogue does not say",
    )
    plan_billing: str = _setting(
        "PLAN_BILLING",
        _billing,
        "off",
        "api, worker",
        "stripe bills venues for their plans; off gives plans to whom an admin or manager says",
    )
    exchange_rate_days_max: int = _setting(
        "EXCHANGE_RATE_DAYS_MAX",
        _number,
        3,
        "api",
        "no price is converted by rates that are more days old",
    )
    taxjar_api_key: Secret = _setting(
        "TAXJAR_API_KEY",
        Secret,
        Secret(""),
        "api",
        "TaxJar's key; without it venues outside Tennessee pay the state's rate",
    )
    taxjar_api_base: str = _setting(
        "TAXJAR_API_BASE", _text, "", "api", "another address of TaxJar: a test server"
    )
    taxjar_timeout_ms: int = _setting(
        "TAXJAR_TIMEOUT_MS", _number, 3_000, "api", "how long a price waits for TaxJar"
    )

    @property
    def livemode(self) -> bool:
        """Whether the provider's key is a live one."""
        return self.stripe_secret_key.value.startswith(("sk_live_", "rk_live_"))


def declarations() -> Iterator[tuple[attrs.Attribute[Any], Declared]]:
    """Every setting's field and what it declares, in the order of the table."""
    for field in attrs.fields(Settings):
        yield field, field.metadata[Declared]


def named(settings: Settings, variable: str) -> Any:
    """The value of the setting that comes from this variable."""
    return next(
        getattr(settings, field.name) for field, one in declarations() if one.name == variable
    )


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from the environment; raises ``InvalidInput`` naming every wrong variable."""
    settings, errors = read_settings(environ)
    if errors:
        raise InvalidInput("; ".join(f"{e.field}: {e.message}" for e in errors), errors=errors)
    return settings


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[FieldError, ...]]:
    """The settings, a default in place of what cannot be read, and all that is refused."""
    errors: list[FieldError] = []
    found: dict[str, Any] = {}
    for field, declared in declarations():
        text = environ.get(declared.name)
        # An empty text is a given one, an empty number is none.
        if text is None or (not text and declared.parse in _EMPTY_IS_NONE):
            continue
        try:
            found[field.name] = declared.parse(text)
        except ValueError as wrong:
            errors.append(FieldError(declared.name, str(wrong)))
    if not found.get("worker_database_url"):
        found["worker_database_url"] = Secret(_worker_url(environ.get("DATABASE_URL", "")))
    settings = Settings(**found)
    return settings, (*errors, *_refusals(settings))


def missing(settings: Settings, *, worker: bool) -> tuple[str, ...]:
    """The settings without which the API, or the worker, does not start."""
    needed: dict[str, object] = {
        "WORKER_DATABASE_URL" if worker else "DATABASE_URL": (
            settings.worker_database_url if worker else settings.database_url
        ),
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secrets,
    }
    if worker:
        needed["INTERNAL_WEBHOOK_SECRET"] = settings.internal_webhook_secret
    else:
        needed["JWT_SECRET"] = settings.jwt_secrets
    return tuple(name for name, value in needed.items() if not value)


def _worker_url(url: str) -> str:
    """The same databases with the worker's role: migrations give both the same password."""
    return url.replace("//ticketpay_app:", "//ticketpay_worker:")


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


def _refusals(settings: Settings) -> list[FieldError]:
    if settings.app_env not in _ENVIRONMENTS:
        return [FieldError("APP_ENV", f"must be one of {', '.join(_ENVIRONMENTS)}")]
    errors = [*_counts(settings), *_limit_refusals(settings)]
    if settings.log_level.lower() not in _LOG_LEVELS:
        errors.append(FieldError("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}"))
    keys = {"JWT_SECRET": settings.jwt_secrets, "AUDIT_KEY": settings.audit_keys}
    errors += [
        _too_short(name)
        for name, several in keys.items()
        if any(len(one.value) < 32 for one in several)
    ]
    if settings.app_env == "production":
        errors.extend(_production_refusals(settings))
    return errors


def _production_refusals(settings: Settings) -> list[FieldError]:
    """R12, S15 D1: no default, short or missing secret, no test key, no sandbox."""
    needed = {
        "DATABASE_URL": settings.database_url,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET": next(iter(settings.stripe_webhook_secrets), Secret("")),
        "JWT_SECRET": next(iter(settings.jwt_secrets), Secret("")),
    }
    errors = [
        FieldError(name, f"is required in production: {_REMEDIES[name]}")
        for name, secret in needed.items()
        if not secret
    ]
    # Only the worker calls the ticket service, so the API runs without this one.
    given = needed | {"INTERNAL_WEBHOOK_SECRET": settings.internal_webhook_secret}
    errors += [
        FieldError(name, f"is a publicly known default: {_REMEDIES[name]}")
        for name, secret in given.items()
        if secret.value in KNOWN_DEFAULTS
    ]
    internal = settings.internal_webhook_secret.value
    if internal and len(internal) < 32:
        errors.append(_too_short("INTERNAL_WEBHOOK_SECRET"))
    return errors + _play_money(settings)


def _play_money(settings: Settings) -> list[FieldError]:
    errors = []
    if settings.stripe_secret_key and not settings.livemode:
        said = f"a test key is refused in production: {_REMEDIES['STRIPE_SECRET_KEY']}"
        errors.append(FieldError("STRIPE_SECRET_KEY", said))
    if settings.stripe_api_base:
        said = "the sandbox is refused in production: unset it to reach the real provider"
        errors.append(FieldError("STRIPE_API_BASE", said))
    if settings.taxjar_api_base:
        said = "a test server is refused in production: unset it to reach TaxJar"
        errors.append(FieldError("TAXJAR_API_BASE", said))
    return errors


def _too_short(name: str) -> FieldError:
    return FieldError(name, f"must have at least 32 characters: {_REMEDIES[name]}")
