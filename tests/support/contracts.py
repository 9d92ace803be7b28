"""Which contract suite is whose: every port, its suites, and every adapter that fulfils it.

Ports and adapters are found in the code, not listed: an adapter fulfils a port when it has all of
its methods with the same parameters and the same result. The ``Recorder`` notes which contract
test calls which method of which adapter, so that a test can tell what nobody exercises.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import attrs

import ticketpay.adapters
import ticketpay.ports
from tests.support import direct

__all__ = [
    "RECORDER",
    "SUITES",
    "Recorder",
    "adapters",
    "calls_of",
    "fulfilling",
    "members",
    "missing",
    "of_suite",
    "ports",
]

SUITES: Final[dict[str, tuple[str, ...]]] = {
    "Alerts": ("test_system",),
    "AuditTrail": ("test_audit",),
    "Cancellations": ("test_cancellations",),
    "CatalogReader": ("test_catalog",),
    "CatalogWriter": ("test_catalog",),
    "Clock": ("test_system",),
    "Disputes": ("test_disputes",),
    "ExchangeRates": ("test_exchange",),
    "IdempotencyKeys": ("test_idempotency",),
    "Ids": ("test_system",),
    "Inbox": ("test_inbox",),
    "Later": ("test_transactions",),
    "LedgerBook": ("test_ledger",),
    "Listings": ("test_listings",),
    "Orders": ("test_orders_and_payments",),
    "Outbox": ("test_streams",),
    "PaymentGateway": ("test_payment_gateway",),
    "Payments": ("test_orders_and_payments",),
    "PayoutGateway": ("test_payout_gateway",),
    "Payouts": ("test_venue_money",),
    "PlanBilling": ("test_plan_billing",),
    "PlanInvoices": ("test_subscriptions",),
    "PlatformTx": ("test_transactions",),
    "PurchaseTurns": ("test_limits",),
    "Quotes": ("test_catalog",),
    "Random": ("test_system",),
    "RateLoader": ("test_exchange",),
    "RateLimiter": ("test_limits",),
    "Refunds": ("test_orders_and_payments",),
    "Retries": ("test_retries",),
    "Sales": ("test_sales",),
    "Stock": ("test_stock",),
    "Streams": ("test_streams",),
    "Subscriptions": ("test_subscriptions",),
    "TaxRates": ("test_tax",),
    "TicketService": ("test_ticket_service",),
    "Timers": ("test_timers",),
    "Tx": ("test_transactions",),
    "UnitOfWork": ("test_transactions", "test_concurrency", "test_lost_commits"),
    "VenueAccounts": ("test_venue_money",),
    "WebhookReader": ("test_webhook_reader",),
}
"""The suite of every port, by the name of its module in ``tests/contracts``."""


def _modules(package: Any) -> Iterator[Any]:
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield importlib.import_module(found.name)


def _classes(modules: Iterable[Any]) -> Iterator[type]:
    """The classes that are defined in these modules, each once."""
    for module in modules:
        for found in vars(module).values():
            if inspect.isclass(found) and found.__module__ == module.__name__:
                yield found


def _is_protocol(found: type) -> bool:
    return bool(getattr(found, "_is_protocol", False))


@functools.cache
def ports() -> tuple[type, ...]:
    """Every Protocol in ``ticketpay.ports``."""
    return tuple(filter(_is_protocol, _classes(_modules(ticketpay.ports))))


def members(port: type) -> dict[str, Any]:
    """What a port asks for: its functions and properties by name, the inherited ones too."""
    found: dict[str, Any] = {}
    for base in reversed(port.__mro__):
        if _is_protocol(base):
            named = {n: m for n, m in vars(base).items() if n == "__call__" or n[0] != "_"}
            found |= {n: m for n, m in named.items() if callable(m) or isinstance(m, property)}
    return found


def calls_of(port: type) -> list[str]:
    """The names of a port's methods; properties only lead to other ports."""
    return sorted(name for name, member in members(port).items() if callable(member))


def _same(wanted: Any, given: Any) -> bool:
    """Whether a member has the parameters and the result that the port asks for."""
    if isinstance(wanted, property):
        return given is not None
    if not inspect.isfunction(given):
        return False
    ours, theirs = inspect.signature(wanted), inspect.signature(given)
    return list(ours.parameters) == list(theirs.parameters) and _result(ours) == _result(theirs)


def _result(signature: inspect.Signature) -> str:
    return str(signature.return_annotation).partition("[")[0].removesuffix("_co")


def fulfilling(port: type, classes: Iterable[type]) -> list[type]:
    """The classes that fulfil a port."""
    wanted = members(port)
    return [
        found
        for found in classes
        if not _is_protocol(found)
        and all(_same(member, getattr(found, name, None)) for name, member in wanted.items())
    ]


@functools.cache
def adapters(port: type) -> tuple[type, ...]:
    """Every class of ``ticketpay.adapters`` and of the tests' own gateways that fulfils a port."""
    found = [*_classes(_modules(ticketpay.adapters)), *_classes([direct])]
    return tuple(fulfilling(port, found))


@attrs.define(eq=False)
class Recorder:
    """Who called what: (port, method, adapter) with the names of the tests that did."""

    test: str = ""
    seen: dict[tuple[str, str, str], set[str]] = attrs.field(factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note every call of a port's method for as long as this lasts."""
        with ExitStack() as undo:
            for port in ports():
                for adapter in adapters(port):
                    for name in calls_of(port):
                        method = self._wrap(port, adapter, name)
                        undo.callback(setattr, adapter, name, method)
            yield

    def _wrap(self, port: type, adapter: type, name: str) -> Callable[..., object]:
        tests = self.seen.setdefault((port.__name__, name, adapter.__name__), set())
        method: Callable[..., object] = getattr(adapter, name)

        @functools.wraps(method)
        def noted(*args: object, **kwargs: object) -> object:
            if self.test:
                tests.add(self.test)
            return method(*args, **kwargs)

        setattr(adapter, name, noted)
        return method


RECORDER: Final = Recorder()
"""What this session's contract tests have called."""


def of_suite(port: str, tests: Iterable[str]) -> list[str]:
    """Those of ``tests`` (``module::name``) that belong to the port's suite."""
    return sorted({test for test in tests if test.partition("::")[0] in SUITES.get(port, ())})


def missing(seen: Mapping[tuple[str, str, str], Iterable[str]]) -> list[str]:
    """The methods of adapters that no test of their port's suite has called."""
    return [
        f"{port}.{method} of {adapter}"
        for (port, method, adapter), tests in seen.items()
        if not of_suite(port, tests)
    ]
