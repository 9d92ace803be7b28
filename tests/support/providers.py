"""The adapters of ``PaymentGateway``, each with the provider behind it, for its contract suite.

To add one, write a context manager that gives a ``Provider`` and name it in ``PROVIDERS``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import httpx

from tests.support.direct import DirectGateway, Transport
from ticketpay.adapters.sandbox import Response, SandboxModel
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, TenantId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import CaptureMethod, ChargeRequest, PaymentMethod, ProviderFact
from ticketpay.domain.refunds import Refund, RefundState
from ticketpay.ports.payments import PaymentGateway

__all__ = [
    "PROVIDERS",
    "Provider",
    "Script",
    "charge_request",
    "direct",
    "refund_of",
    "said",
    "stripe_in_process",
    "stripe_over_http",
]

Json = dict[str, Any]
Server = Callable[[], str]
Make = Callable[[Transport, str, str], PaymentGateway]
IMPATIENT_SECONDS: Final = 0.5
_FORM: Final = "application/x-www-form-urlencoded"
_KEY: Final = "sk_test_1"
_LIVE_KEY: Final = "sk_live_nobody"


def charge_request(card: str = "tok_visa", **changes: Any) -> ChargeRequest:
    """A request in the shape that the domain makes it, for a payment of its own."""
    payment = PaymentId(uuid4())
    request = ChargeRequest(
        tenant_id=TenantId(UUID(int=1)),
        payment_id=payment,
        order_id=OrderId(uuid4()),
        amount=Money(1_234, USD),
        capture_method=CaptureMethod.AUTOMATIC,
        method=PaymentMethod(type="card", token=card),
        key=f"intent:{payment}",
    )
    return attrs.evolve(request, **changes)


def refund_of(fact: ProviderFact, **changes: Any) -> Refund:
    """A new refund of everything that was received."""
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=PaymentId(UUID(fact.payment_id)),
        ref=fact.ref,
        amount=fact.received,
        reason="late_success",
        state=RefundState.PENDING,
        created_at=datetime.now(UTC),
    )
    return attrs.evolve(refund, **changes)


def said(
    body: object,
    status: int = 200,
    *,
    hang: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One prescribed answer; anything but bytes becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=dict(headers or {}), body=raw, hang=hang)


@attrs.define(eq=False)
class Script:
    """Prescribed answers, in order, and what was asked for them."""

    answers: list[Response]
    seen: list[str] = attrs.field(factory=list)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """The next answer; after the last one, a server error."""
        self.seen.append(f"{method} {path.partition('?')[0]}")
        return self.answers.pop(0) if self.answers else said(b"", 500)


@attrs.frozen(kw_only=True)
class Provider:
    """A gateway to an account of its own, and ways past the gateway.

    ``impatient`` gives up after half a second, ``stranger`` has credentials that nobody knows,
    behind ``unreachable`` nobody listens, ``elsewhere`` charges another account, and ``scripted`` gives a gateway to a script's answers.
    ``send`` is a request past the gateway (method, path, form), as a browser makes it.
    """

    gateway: PaymentGateway
    impatient: PaymentGateway
    stranger: PaymentGateway
    unreachable: PaymentGateway
    elsewhere: PaymentGateway
    elsewhere_account: str
    scripted: Callable[[Script], PaymentGateway]
    send: Callable[[str, str, str], Json]

    def pay(self, card: str = "tok_visa", **changes: Any) -> ProviderFact:
        """Charge a new payment."""
        return self.gateway.charge(charge_request(card, **changes))


def _refused(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    raise ConnectionRefusedError


def _in_process(make: Make) -> Provider:
    model, lock = SandboxModel(7, time.time), threading.Lock()
    account, other = f"acct_{uuid4().hex}", f"acct_{uuid4().hex}"

    def transport(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        with lock:
            return model.request(method, path, headers, body)

    def send(method: str, path: str, form: str) -> Json:
        headers = _browser(account)
        shown: Json = json.loads(transport(method, path, headers, form.encode()).body)
        return shown

    gateway = make(transport, _KEY, account)
    return Provider(
        gateway=gateway,
        impatient=gateway,
        stranger=make(transport, _LIVE_KEY, account),
        unreachable=make(_refused, _KEY, account),
        elsewhere=make(transport, _KEY, other),
        elsewhere_account=other,
        scripted=lambda script: make(script.answer, _KEY, account),
        send=send,
    )


def _browser(account: str) -> dict[str, str]:
    return {
        "authorization": "Bearer sk_test_browser",
        "content-type": _FORM,
        "stripe-account": account,
    }


@contextmanager
def direct(_: Server) -> Iterator[Provider]:
    """The gateway without the SDK, over the model."""
    yield _in_process(
        lambda transport, key, account: DirectGateway(transport, account=account, secret_key=key)
    )


@contextmanager
def stripe_in_process(_: Server) -> Iterator[Provider]:
    """The production gateway over the model."""
    yield _in_process(
        lambda transport, key, account: StripeGateway.create(
            key, transport=transport, account=account
        )
    )


@contextmanager
def stripe_over_http(server: Server) -> Iterator[Provider]:
    """The production gateway to the sandbox's server, as it runs in production."""
    sandbox_url = server()
    with ExitStack() as stack:
        account, other = f"acct_{uuid4().hex}", f"acct_{uuid4().hex}"

        def gateway(
            base: str = sandbox_url, seconds: float = 5, key: str = _KEY, name: str = account
        ) -> PaymentGateway:
            made = StripeGateway.create(key, api_base=base, timeout_seconds=seconds, account=name)
            return stack.enter_context(closing(made))

        client = stack.enter_context(
            httpx.Client(base_url=sandbox_url, headers=_browser(account), trust_env=False)
        )

        stage = Stage()
        actor = gateway(stack.enter_context(_serving(stage)))

        def scripted(script: Script) -> PaymentGateway:
            stage.script = script
            return actor

        def send(method: str, path: str, form: str) -> Json:
            shown: Json = client.request(method, path, content=form).json()
            return shown

        yield Provider(
            gateway=gateway(),
            impatient=gateway(seconds=IMPATIENT_SECONDS),
            stranger=gateway(key=_LIVE_KEY),
            unreachable=gateway("http://127.0.0.1:1"),
            elsewhere=gateway(name=other),
            elsewhere_account=other,
            scripted=scripted,
            send=send,
        )


PROVIDERS: Final[Mapping[str, Callable[[Server], AbstractContextManager[Provider]]]] = {
    "stripe_over_http": stripe_over_http,
    "stripe_in_process": stripe_in_process,
    "direct": direct,
}
"""Every adapter by its name; each may ask for the address of a running sandbox server."""


@attrs.define(eq=False)
class Stage:
    """The script that is being played."""

    script: Script = attrs.field(factory=lambda: Script([]))


@contextmanager
def _serving(stage: Stage) -> Iterator[str]:
    """A server that gives the script's answers; to hang is to end the connection without a word."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: a delayed acknowledgement costs 40 ms

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            reply = stage.script.answer(self.command, self.path, {}, body)
            if reply.hang:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_GET  # noqa: N815 - as http.server wants it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
