"""The couriers make the due deliveries of a model, at most sixteen at a time."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Final

from ticketpay.adapters.sandbox import lines
from ticketpay.adapters.sandbox.delivery import Delivery
from ticketpay.adapters.sandbox.lines import Line, Origin
from ticketpay.adapters.sandbox.model import SandboxModel

__all__ = ["Couriers"]

_COURIERS: Final = 16

_target = lru_cache(maxsize=256)(lines.target)


class Couriers:
    """Sends what is due as soon as `wake` is called; `timeout` is in seconds per delivery."""

    def __init__(self, model: SandboxModel, timeout: float = 10.0) -> None:
        self._model = model
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._free = _COURIERS
        self._idle: dict[Origin, list[Line]] = {}
        self._busy: set[Line] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._stopped = False

    def wake(self) -> None:
        """Look at once (after the present callback) whether something is due."""
        if self._soon is None and not self._stopped:
            self._soon = self._loop.call_soon(self._dispatch)

    async def stop(self) -> None:
        """Stop delivering; what is under way is given up."""
        self._stopped = True
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for line in [*self._busy, *(line for idle in self._idle.values() for line in idle)]:
            line.close()

    def _dispatch(self) -> None:
        self._soon = None
        if self._stopped:
            return
        if self._free > 0:
            for delivery in self._model.due_deliveries(self._free):
                self._free -= 1
                self._send(delivery)
        self._sleep()

    def _sleep(self) -> None:
        """Wake up when something is due next, unless a result comes before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._model.next_delivery_at()
        if due is not None and self._free > 0 and not self._model.clock.frozen:
            pause = max(0.001, due - self._model.clock.now())
            self._timer = self._loop.call_later(pause, self.wake)

    def _send(self, delivery: Delivery) -> None:
        try:
            goal = _target(delivery.url)
        except ValueError:
            self._finish(delivery, None)
            return
        message = lines.message(goal, delivery.headers, delivery.body)
        idle = self._idle.get(goal.origin)
        while idle:
            line = idle.pop()
            if line.open:
                self._post(line, delivery, message)
                return
        self._open(goal.origin, delivery, message)

    def _open(self, origin: Origin, delivery: Delivery, message: bytes) -> None:
        task = self._loop.create_task(self._send_afresh(origin, delivery, message))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _send_afresh(self, origin: Origin, delivery: Delivery, message: bytes) -> None:
        try:
            line = await lines.opened(origin)
        except (OSError, TimeoutError):
            self._finish(delivery, None)
        else:
            self._post(line, delivery, message)

    def _post(self, line: Line, delivery: Delivery, message: bytes) -> None:
        timer = self._loop.call_later(self._timeout, line.close)
        self._busy.add(line)
        stale = not line.fresh
        started = self._loop.time()

        def done(line: Line, status: int | None) -> None:
            timer.cancel()
            self._busy.discard(line)
            if line.open:
                self._idle.setdefault(line.origin, []).append(line)
            elif status is not None:
                line.close()
            hung_up = stale and self._loop.time() - started < self._timeout / 2
            if status is None and hung_up and not self._stopped:
                self._open(line.origin, delivery, message)  # it had been closed while idle
            else:
                self._finish(delivery, status)

        line.post(message, done)

    def _finish(self, delivery: Delivery, status: int | None) -> None:
        self._free += 1
        self._model.delivery_result(delivery.id, status)
        self.wake()
