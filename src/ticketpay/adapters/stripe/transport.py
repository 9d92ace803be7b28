"""The transport: one HTTP request with one deadline, over urllib3 or in this process.

The deadline holds for sending, waiting and reading together: every system call gets what is left
of the time, so a server that drips bytes cannot extend it. A call remembers whether it has begun
to send, and that decides what its failure means.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

__all__ = ["InProcessClient", "NeverSent", "PooledClient", "Reply", "Transport"]

CONNECT_SECONDS: Final = 3.0
POOL_SIZE: Final = 32

_Answer = tuple[bytes, int, Mapping[str, str]]


class Reply(Protocol):
    """**Protocol:** the answer of an in-process provider; ``hang`` means that it gives none."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def hang(self) -> bool: ...


Transport = Callable[[str, str, Mapping[str, str], bytes], Reply]
"""An in-process provider: method, path with query, headers and body to a reply."""


class NeverSent(stripe.APIConnectionError):
    """No connection came about: the provider has not seen the request."""


def _broken(kind: type[stripe.APIConnectionError], message: str) -> stripe.APIConnectionError:
    return kind(message)


class _Call(threading.local):
    """The call that this thread is making: its deadline and whether it has begun to send."""

    ends_at: float = 0.0
    sent: bool = False

    def begin(self, seconds: float) -> None:
        self.ends_at, self.sent = time.monotonic() + seconds, False

    def remaining(self) -> float:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return left


_CALL: Final = _Call()


class _Socket(socket.socket):
    """A socket whose every operation ends with the call."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_CALL.remaining())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(_CALL.remaining())
        _CALL.sent = True
        super().sendall(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    """The same under TLS; the handshake is bounded as a whole by the connect time-out."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_CALL.remaining())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(_CALL.remaining())
        _CALL.sent = True
        super().sendall(*args, **kwargs)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        seconds = plain.gettimeout()
        bounded = _Socket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        bounded.settimeout(seconds)
        return bounded


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = HTTPSConnection


def _tls_context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(stripe.ca_bundle_path)
    context.sslsocket_class = _TlsSocket
    return context


class PooledClient(stripe.HTTPClient):
    """Kept-alive connections for all threads; 3 s to connect, ``timeout_seconds`` in all.

    Raises ``NeverSent`` when no connection came about and ``stripe.APIConnectionError`` for
    everything that broke later.
    """

    name: ClassVar[str] = "ticketpay"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._seconds = timeout_seconds
        self._pools = urllib3.PoolManager(
            num_pools=2, maxsize=POOL_SIZE, ssl_context=_tls_context(), retries=False
        )
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        connect = min(CONNECT_SECONDS, timeout_seconds)
        self._timeout = urllib3.Timeout(connect=connect, read=timeout_seconds)

    def request(  # type: ignore[override]  # the SDK's own clients return bytes as well
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> _Answer:
        _CALL.begin(self._seconds)
        try:
            answer = self._pools.request(
                method.upper(),
                url,
                body=post_data,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            kind = stripe.APIConnectionError if _CALL.sent else NeverSent
            raise _broken(kind, f"{type(error).__name__} at the provider") from error
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()


class InProcessClient(stripe.HTTPClient):
    """Hands requests to a provider in this process; no answer is a time-out after sending.

    ``ConnectionRefusedError`` from the transport says that nothing was sent; any other
    ``OSError``, that the connection broke afterwards.
    """

    name: ClassVar[str] = "in-process"

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def request(  # type: ignore[override]  # the SDK's own clients return bytes as well
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> _Answer:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        body = (post_data or "").encode()
        try:
            reply = self._transport(method.upper(), path, headers or {}, body)
        except OSError as error:
            refused = isinstance(error, ConnectionRefusedError)
            kind = NeverSent if refused else stripe.APIConnectionError
            raise _broken(kind, f"{type(error).__name__} at the provider") from error
        if reply.hang:
            raise _broken(stripe.APIConnectionError, "time-out at the provider")
        return reply.body, reply.status, urllib3.HTTPHeaderDict(reply.headers)

    def close(self) -> None:
        """Nothing is held."""
