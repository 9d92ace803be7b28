"""The transport against servers that drip, hang, refuse and break off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe as sdk

from ticketpay.adapters.stripe import StripeGateway
from ticketpay.adapters.stripe.transport import NeverSent, PooledClient
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.payments import ProviderRef, ProviderUnavailable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Behaviour = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], str]]:
    """Starts servers that treat each connection as told; gives their address."""
    listeners, threads = [], []

    def start(behave: Behaviour) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        thread = threading.Thread(target=_accept, args=(listener, behave))
        thread.start()
        threads.append(thread)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)


def _accept(listener: socket.socket, behave: Behaviour) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            try:
                connection.recv(65_536)
                behave(connection)
            except OSError:
                continue


def drip_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def drip_head(connection: socket.socket) -> None:
    for byte in HEAD * 2:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def break_off(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.spec("S15")
@pytest.mark.parametrize("behave", [drip_body, drip_head, say_nothing])
def test_the_deadline_is_total(serve: Any, in_process: Any, behave: Behaviour) -> None:
    """A server that drips or says nothing gets 0.4 s in all, and the outcome is unknown."""
    gateway = StripeGateway.create("sk_test_1", api_base=serve(behave), timeout_seconds=0.4)
    start = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        gateway.charge(in_process.request())
    assert 0.3 < time.monotonic() - start < 2
    gateway.close()


@pytest.mark.spec("S15")
@pytest.mark.parametrize("behave", [break_off, hang_up])
def test_a_broken_connection_is_unknown(serve: Any, in_process: Any, behave: Behaviour) -> None:
    """Once the request is sent, an answer that breaks off says nothing about the charge."""
    gateway = StripeGateway.create("sk_test_1", api_base=serve(behave), timeout_seconds=1)
    with pytest.raises(OutcomeUnknown):
        gateway.charge(in_process.request())
    gateway.close()


@pytest.mark.spec("S15")
@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://provider.invalid"])
def test_a_refused_connection_is_nothing(in_process: Any, base: str) -> None:
    """A refused connection and an unknown host are known to have charged nothing."""
    gateway = StripeGateway.create("sk_test_1", api_base=base, timeout_seconds=2)
    with pytest.raises(ProviderUnavailable):
        gateway.charge(in_process.request())
    gateway.close()


@pytest.mark.spec("S15")
def test_plain_text_on_a_tls_port_is_never_sent(serve: Any) -> None:
    """A failed handshake comes before the first byte of the request."""
    client = PooledClient(1)
    with pytest.raises(NeverSent):
        client.request("get", serve(hang_up).replace("http:", "https:"), {})
    client.close()


@pytest.mark.spec("S15")
def test_the_callers_threads_share_kept_connections(sandbox_url: str) -> None:
    """Eight threads make many calls without disturbing each other."""
    gateway = StripeGateway.create("sk_test_1", api_base=sandbox_url, timeout_seconds=5)
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda _: _missing(gateway), range(64)))
    assert done == ["NotFound"] * 64
    gateway.close()


def _missing(gateway: StripeGateway) -> str:
    try:
        gateway.retrieve(ProviderRef("stripe", "", livemode=False, object_id="pi_0"))
    except Exception as error:  # noqa: BLE001 - the name of any error is the result
        return type(error).__name__
    return ""


@pytest.mark.spec("S15")
def test_the_sdk_sends_no_telemetry(sandbox_url: str) -> None:
    """The gateway turns the SDK's telemetry off."""
    StripeGateway.create("sk_test_1", api_base=sandbox_url).close()
    assert not sdk.enable_telemetry
