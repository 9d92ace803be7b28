"""The relay: outgoing messages, in order per aggregate, at least once (S40).

Claim due streams, deliver each in order until one fails, then write down in one transaction what
was delivered - if the claim is still ours. A message that keeps failing parks its stream alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import Rejected
from ticketpay.domain.kernel.ids import OrderId, TenantId
from ticketpay.domain.messaging import (
    Message,
    Route,
    StreamClaim,
    StreamKey,
    backoff_seconds,
)
from ticketpay.domain.messaging.routes import attempts_max
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.ports.messaging import TicketService
    from ticketpay.ports.system import Alerts, Clock, Random
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["RelayOutbox", "ReplayStream"]

LEASE_SECONDS: Final = 60
DELIVERY_SECONDS_MAX: Final = 10
MESSAGES_PER_STREAM: Final = 20


@attrs.define
class _Progress:
    """How far one claimed stream got."""

    claim: StreamClaim
    seq: int
    issued: bool = False
    failed: Message | None = None
    error: str = ""
    for_good: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RelayOutbox:
    """The worker's step: deliver a batch of due streams."""

    uow: UnitOfWork
    tickets: TicketService
    routes: Mapping[str, Route]
    clock: Clock
    random: Random
    alerts: Alerts

    def __call__(self, limit: int = 100) -> int:
        """Work on up to ``limit`` due streams of each database; returns how many were claimed."""
        now = self.clock.now()
        found = self.uow.everywhere(lambda tx: tx.streams.claim_due(now, LEASE_SECONDS, limit)())
        claims = [claim for claims in found for claim in claims]
        stop_at = now + timedelta(seconds=LEASE_SECONDS - DELIVERY_SECONDS_MAX)
        for tenant, mine in _by_tenant(claims).items():
            try:
                self._serve(tenant, mine, stop_at)
            except Exception as error:  # noqa: BLE001 - one tenant's trouble must not stop the others
                self.alerts.raise_alert("relay_failed", type(error).__name__, tenant_id=str(tenant))
        return len(claims)

    def _serve(self, tenant: TenantId, claims: list[StreamClaim], stop_at: datetime) -> None:
        def read(tx: Tx) -> list[tuple[tuple[int, Message], ...]]:
            reads = [tx.outbox.pending(claim, MESSAGES_PER_STREAM) for claim in claims]
            return [read() for read in reads]

        queues = self.uow.run(tenant, read)
        progress = [
            self._deliver_stream(claim, queue, stop_at)
            for claim, queue in zip(claims, queues, strict=True)
        ]
        for parked in self.uow.run(tenant, lambda tx: self._write_down(tx, progress)):
            self.alerts.raise_alert(
                "stream_parked", parked.error, aggregate_id=str(parked.claim.key.aggregate_id)
            )

    def _deliver_stream(
        self, claim: StreamClaim, queue: Iterable[tuple[int, Message]], stop_at: datetime
    ) -> _Progress:
        done = _Progress(claim, claim.delivered_seq)
        for seq, message in queue:
            # A claim that is about to lapse delivers nothing more: the next owner goes on.
            if self.clock.now() >= stop_at or not self._deliver(message, done):
                break
            done.seq = seq
        return done

    def _deliver(self, message: Message, done: _Progress) -> bool:
        try:
            if self.routes[message.type] is Route.JOURNAL:
                return True
            done.issued |= self.tickets.deliver(message).issued
        except Rejected as error:
            done.failed, done.error, done.for_good = message, str(error), True
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this stream alone
            done.failed, done.error = message, f"{type(error).__name__}: {error}"
        return done.failed is None

    def _write_down(self, tx: Tx, progress: list[_Progress]) -> list[_Progress]:
        """Record every stream whose claim is still ours; returns those that are parked now."""
        now = self.clock.now()
        # Orders before streams, as whoever changes an order and then tells about it.
        orders = {
            p.claim.key: tx.orders.lock(OrderId(p.claim.key.aggregate_id))
            for p in sorted(progress, key=lambda p: p.claim.key.aggregate_id)
            if p.issued
        }
        locked = tx.streams.lock([p.claim for p in progress])
        ours, found = locked(), {key: order() for key, order in orders.items()}
        parked = []
        for p in progress:
            if p.claim.key not in ours:
                continue
            if p.issued:
                self._issued(tx, found[p.claim.key], now)
            if p.failed is None:
                tx.streams.delivered(p.claim.key, p.seq, now)
            elif self._record_failure(tx, p, p.failed, now):
                parked.append(p)
        return parked

    def _issued(self, tx: Tx, order: Order | None, now: datetime) -> None:
        """The ticket service issued the tickets: ``order.tickets_issued`` (S34 D4)."""
        if order is not None and ORDER_MACHINE.can(order.state, OrderEvent.ISSUE):
            tx.orders.move(order, [ORDER_MACHINE.step(order.state, OrderEvent.ISSUE)], now)

    def _record_failure(self, tx: Tx, p: _Progress, failed: Message, now: datetime) -> bool:
        progressed = p.seq > p.claim.delivered_seq
        attempts = (0 if progressed else p.claim.attempts) + 1
        park = p.for_good or attempts >= attempts_max(failed.type)
        wait = backoff_seconds(attempts - 1, self.random.ppm())
        due_at = None if park else now + timedelta(seconds=wait)
        tx.streams.failed(p.claim.key, p.seq, p.error, due_at, now)
        return park


def _by_tenant(claims: Iterable[StreamClaim]) -> dict[TenantId, list[StreamClaim]]:
    grouped: dict[TenantId, list[StreamClaim]] = {}
    for claim in claims:
        grouped.setdefault(claim.key.tenant_id, []).append(claim)
    return grouped


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ReplayStream:
    """Let a parked stream run again, in order, from the message that parked it."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, key: StreamKey, entry: AuditEntry | None = None) -> bool:
        """False if the stream is not parked; if it is, ``entry`` says who let it run again."""
        now = self.clock.now()

        def replay(tx: Tx) -> bool:
            replayed = tx.streams.replay(key, now)()
            if replayed and entry is not None:
                tx.audit.record(entry)
            return replayed

        return self.uow.run(key.tenant_id, replay)
