"""A real sandbox server on a free port, and a receiver of its webhooks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs
import pytest
import stripe as sdk

SECRET = "whsec_conftest"


@attrs.define(eq=False)
class Receiver:
    """Verified events in the order of their arrival; the next answers can be prescribed."""

    url: str
    events: list[sdk.Event] = attrs.field(factory=list)
    statuses: list[int] = attrs.field(factory=list)
    connections: set[int] = attrs.field(factory=set)

    def wait(self, count: int, seconds: float = 10.0) -> list[sdk.Event]:
        end = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < end:
            time.sleep(0.01)
        return list(self.events)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An HTTP server that takes webhooks."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signature = self.headers["stripe-signature"]
            taken.events.append(sdk.Webhook.construct_event(body, signature, SECRET))
            taken.connections.add(self.client_address[1])
            self.send_response(taken.statuses.pop(0) if taken.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        taken = Receiver(f"http://127.0.0.1:{server.server_port}/hook?tenant=1")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield taken
        server.shutdown()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts sandbox servers with given options; gives their address."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> str:
        command = [sys.executable, "-m", "ticketpay.adapters.sandbox.server", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def address(serve: Callable[..., str], receiver: Receiver) -> str:
    """The address of a sandbox server that delivers to the receiver."""
    hook = ("--webhook-url", receiver.url, "--webhook-secret", SECRET)
    return serve("--seed", "7", "--retry-delays", "0.2,0.2", *hook)


@pytest.fixture
def client(address: str) -> Iterator[sdk.StripeClient]:
    """The official SDK, pointed at the sandbox; it waits one second and never retries."""
    http = sdk.RequestsClient(timeout=1)
    yield sdk.StripeClient(
        "sk_test_1", base_addresses={"api": address}, http_client=http, max_network_retries=0
    )
    http.close()  # type: ignore[no-untyped-call]  # the SDK's method has no annotations
