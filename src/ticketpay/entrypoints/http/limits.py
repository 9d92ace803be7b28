"""Rate limits in front of the routes: nothing that they refuse has been read, let alone claimed (S10).

Requests that pay or refund are counted by user, all others by the client's address. Webhooks, whose
sender repeats what it is refused, and health are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketpay.domain.admission import Decision, Limit, RateLimited
from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.entrypoints.http.client_ip import client_ip, subject_of
from ticketpay.entrypoints.http.errors import Overloaded, problem
from ticketpay.entrypoints.http.pools import Pool
from ticketpay.entrypoints.http.shell import PATH

if TYPE_CHECKING:
    from ticketpay.domain.processes.admission import AdmitRequest
    from ticketpay.entrypoints.http.auth import Guard
    from ticketpay.entrypoints.settings import Network, Settings

__all__ = ["RateLimits", "is_free"]

_FREE: Final = ("/health", "/metrics", "/api/v1/webhooks")
_PAYMENTS: Final = "/api/v1/payments"
_REFUNDS: Final = "/api/v1/refunds"
_SALES: Final = "/api/v1/transactions"
_THREADS: Final = 8


@attrs.frozen
class _Counted:
    """What a request is counted as."""

    limit: Limit
    subject: str
    pays: bool


@attrs.frozen(kw_only=True, eq=False)
class RateLimits:
    """The application behind its limits; see the module docstring."""

    inner: ASGIApp
    admit: AdmitRequest
    guard: Guard
    trusted: tuple[Network, ...]
    default: Limit
    payments: Limit
    refunds: Limit
    pool: Pool = attrs.field(factory=lambda: Pool(_THREADS))

    @classmethod
    def of(
        cls, inner: ASGIApp, admit: AdmitRequest, guard: Guard, settings: Settings
    ) -> RateLimits:
        """The limits of the settings."""
        period_us = settings.rate_limit_window_ms * 1000

        def limit(name: str, burst: int) -> Limit:
            return Limit(name=name, burst=burst, period_us=period_us)

        return cls(
            inner=inner,
            admit=admit,
            guard=guard,
            trusted=settings.trusted_proxies,
            default=limit("default", settings.rate_limit_max_requests),
            payments=limit("payments", settings.rate_limit_max_payments),
            refunds=limit("refunds", settings.rate_limit_max_refunds),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or is_free(scope["path"]):
            await self.inner(scope, receive, send)
            return
        counted = self._counted(scope)
        decision = await self._decide(counted)
        headers = _headers(counted.limit, decision)
        if decision is not None and not decision.allowed:
            # No route has seen it; operators see which limit it was that said no.
            scope[PATH] = f"limited:{counted.limit.name}"
            await _refused(decision, headers)(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self.inner(scope, receive, told)

    def _counted(self, scope: Scope) -> _Counted:
        limit, path = self.default, scope["path"]
        if scope["method"] == "POST" and _below(path, _PAYMENTS, _REFUNDS, _SALES):
            refund = not _below(path, _PAYMENTS)
            limit = self.refunds if refund else self.payments
        if limit is not self.default:
            try:
                actor = self.guard.actor(Request(scope))
            except TicketpayError:
                # Nobody we know: the endpoint will say so, and guessing is counted by address.
                limit = self.default
            else:
                return _Counted(limit, f"{actor.tenant_id}:{actor.user_id}", pays=True)
        return _Counted(limit, subject_of(client_ip(scope, self.trusted)), pays=False)

    async def _decide(self, counted: _Counted) -> Decision | None:
        limit, subject, pays = counted.limit, counted.subject, counted.pays
        if self.admit.shared is None:
            return self.admit(limit, subject, pays=pays)
        try:
            return await self.pool.run(lambda: self.admit(limit, subject, pays=pays))
        except Overloaded:
            return self.admit.uncounted(limit, subject, pays=pays)


def is_free(path: str) -> bool:
    """Whether requests of this path are not counted."""
    return _below(path, *_FREE)


def _below(path: str, *roots: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _headers(limit: Limit, decision: Decision | None) -> list[tuple[bytes, bytes]]:
    """``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers)."""
    window = -(-limit.period_us // 1_000_000)
    found = [(b"ratelimit-policy", f'"{limit.name}";q={limit.burst};w={window}'.encode())]
    if decision is not None:
        said = f'"{limit.name}";r={decision.remaining};t={decision.next_seconds}'
        found.append((b"ratelimit", said.encode()))
    return found


def _refused(decision: Decision, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    name = decision.limit.name
    words = "Too many requests" if name == "default" else f"Too many {name} requests"
    seconds = decision.next_seconds
    told = {key.decode(): value.decode() for key, value in headers}
    return problem(
        429,
        RateLimited.code,
        RateLimited.title,
        f"{words}: try again in {seconds} s",
        headers={**told, "retry-after": str(seconds)},
    )
