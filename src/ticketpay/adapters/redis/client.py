"""The client and its circuit breaker: a dead Redis costs one time-out a second, not one a request."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from ticketpay.domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    from ticketpay.ports.system import Alerts

__all__ = ["RedisClient", "Script"]

T = TypeVar("T")
Argument = str | int

_TIMEOUT_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 1.0
_LOG: Final = structlog.get_logger("ticketpay.redis")


@attrs.frozen
class Script:
    """A Lua script and its SHA-1, by which the server knows it."""

    text: str
    sha: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", sha)


@attrs.define
class _Outage:
    """Whether there is an outage, and when to ask again (seconds of the monotonic clock)."""

    lasting: bool = False
    ask_at: float = 0.0


@attrs.frozen(eq=False)
class RedisClient:
    """Talks to one server; every failure is ``Unavailable``, rung once per outage.

    While there is an outage, one call in ``pause_seconds`` tries the server, all others fail at once.
    """

    _redis: redis.Redis = attrs.field(repr=False)
    _alerts: Alerts = attrs.field(repr=False)
    _pause_seconds: float
    _outage: _Outage = attrs.field(factory=_Outage, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def create(
        cls,
        url: str,
        alerts: Alerts,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> RedisClient:
        """A client of ``url``; it connects at the first call. Raises ValueError on a bad URL."""
        client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # The breaker decides what is tried again, and a check that is repeated counts twice.
            retry=Retry(NoBackoff(), 0),
            client_name="ticketpay",
        )
        return cls(client, alerts, pause_seconds)

    def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> object:
        """Run a script in one round trip; two when the server does not know it yet."""

        def call(client: redis.Redis) -> object:
            try:
                found: object = client.execute_command(  # type: ignore[no-untyped-call] # redis-py has no types here
                    "EVALSHA", script.sha, len(keys), *keys, *arguments
                )
            except NoScriptError:
                found = client.eval(script.text, len(keys), *keys, *arguments)
            return found

        return self._call(call)

    def state(self) -> str:
        """``healthy`` when the server answers, else ``degraded``; never raises."""
        try:
            self._call(lambda client: client.ping())
        except Unavailable:
            return "degraded"
        return "healthy"

    def close(self) -> None:
        """Give back the connections."""
        self._redis.close()

    def _call(self, call: Callable[[redis.Redis], T]) -> T:
        self._refuse_in_outage()
        try:
            result = call(self._redis)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise Unavailable("Redis does not answer") from error
        if self._outage.lasting:
            self._recovered()
        return result

    def _refuse_in_outage(self) -> None:
        if not self._outage.lasting:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._outage.ask_at:
                raise Unavailable("Redis did not answer a moment ago")
            self._outage.ask_at = now + self._pause_seconds

    def _failed(self, error: Exception) -> None:
        with self._lock:
            begins, self._outage.lasting = not self._outage.lasting, True
            self._outage.ask_at = time.monotonic() + self._pause_seconds
        # Whatever is still open leads to the server that is gone.
        self._redis.connection_pool.disconnect(inuse_connections=False)
        if begins:
            self._alerts.raise_alert("redis_down", f"Redis does not answer: {type(error).__name__}")

    def _recovered(self) -> None:
        with self._lock:
            ends, self._outage.lasting, self._outage.ask_at = self._outage.lasting, False, 0.0
        if ends:
            _LOG.warning("redis_answers_again")
