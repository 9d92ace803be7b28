"""What the ticket service promises: at least once, tickets once, tried again or never again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import pytest
import uvicorn

from ticketpay.adapters.memory import RecordingTickets
from ticketpay.adapters.outbound import HttpTicketService
from ticketpay.adapters.system import SystemClock, Uuid7
from ticketpay.domain.kernel.errors import Rejected, Unavailable
from ticketpay.domain.messaging import AggregateType, Message
from ticketpay.entrypoints.ticket_stub import TicketDesk, TicketStub
from ticketpay.ports.messaging import TicketService

SECRET: Final = "test-secret"
PATIENCE_SECONDS: Final = 0.3


@attrs.frozen(kw_only=True)
class Desk:
    """One adapter, and what happens behind it.

    ``fail`` makes the next call fail before the tickets are issued, ``lose`` loses its answer
    afterwards; ``issued`` says how many tickets an order has.
    """

    service: TicketService
    fail: Callable[[], None]
    lose: Callable[[], None]
    issued: Callable[[str], int]


def recording() -> Desk:
    """The service in memory."""
    tickets = RecordingTickets()

    def issued(order: str) -> int:
        paid = {m.id: m.data for m in tickets.delivered if m.type == "order.paid"}
        return sum(int(str(d["ticketQuantity"])) for d in paid.values() if d["orderId"] == order)

    return Desk(
        service=tickets,
        fail=lambda: tickets.failures.append(Unavailable("down")),
        lose=lambda: tickets.losses.append(Unavailable("time-out")),
        issued=issued,
    )


@attrs.define(eq=False)
class Door:
    """The stub as an ASGI application, with ``faults`` for the next calls."""

    stub: TicketStub
    faults: list[str] = attrs.field(factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "fail":
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if fault == "lose":
            await self.stub(scope, receive, _nowhere)
            await asyncio.sleep(PATIENCE_SECONDS * 1.5)
        await self.stub(scope, receive, send)


async def _nowhere(message: MutableMapping[str, Any]) -> None:
    """An answer that does not arrive."""


@contextmanager
def over_http() -> Iterator[Desk]:
    """The client of the service over HTTP, to the stub's server."""
    desk = TicketDesk(SECRET)
    door = Door(TicketStub(desk))
    with _serving(door) as url:
        client = HttpTicketService(url, SECRET, SystemClock(), Uuid7(), PATIENCE_SECONDS)
        with closing(client):
            yield Desk(
                service=client,
                fail=lambda: door.faults.append("fail"),
                lose=lambda: door.faults.append("lose"),
                issued=lambda order: desk.issued.get(order, 0),
            )


@contextmanager
def _serving(door: Door) -> Iterator[str]:
    config = uvicorn.Config(
        door, port=0, lifespan="off", ws="none", log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module", params=["http", "recording"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """One adapter after the other."""
    if request.param == "recording":
        yield recording()
    else:
        with over_http() as made:
            yield made


def message(kind: str, order: str, **more: Any) -> Message:
    data = {
        "orderId": order,
        "paymentId": str(uuid4()),
        "userId": "u",
        "eventId": "e",
        "amountCents": 1_234,
        "ticketQuantity": 2,
    }
    return Message(
        id=uuid4(),
        type=kind,
        aggregate_type=AggregateType.ORDER,
        aggregate_id=UUID(order),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        data=data | more,
    )


@pytest.mark.spec("S41")
def test_a_paid_order_gets_its_tickets(desk: Desk) -> None:
    """order.paid is answered with issued tickets, as many as were paid."""
    order = str(uuid4())
    assert desk.service.deliver(message("order.paid", order)).issued
    assert desk.issued(order) == 2


@pytest.mark.spec("S41")
def test_a_failed_payment_is_told_and_issues_nothing(desk: Desk) -> None:
    """order.payment_failed is accepted, and no tickets come of it."""
    order = str(uuid4())
    delivery = desk.service.deliver(message("order.payment_failed", order, reason="card"))
    assert not delivery.issued
    assert desk.issued(order) == 0


@pytest.mark.spec("S41")
def test_the_same_message_twice_issues_once(desk: Desk) -> None:
    """A message that is delivered again has the same answer and no second effect."""
    order = str(uuid4())
    paid = message("order.paid", order)
    assert [desk.service.deliver(paid).issued for _ in range(2)] == [True, True]
    assert desk.issued(order) == 2


@pytest.mark.spec("S41")
def test_an_outage_may_be_tried_again(desk: Desk) -> None:
    """While the service is down nothing is issued; the same message succeeds afterwards."""
    order = str(uuid4())
    paid = message("order.paid", order)
    desk.fail()
    with pytest.raises(Unavailable):
        desk.service.deliver(paid)
    assert desk.issued(order) == 0
    assert desk.service.deliver(paid).issued
    assert desk.issued(order) == 2


@pytest.mark.spec("S41")
def test_a_lost_answer_may_be_asked_for_again(desk: Desk) -> None:
    """After a time-out behind the effect, the same message has its answer and no second effect."""
    order = str(uuid4())
    paid = message("order.paid", order)
    desk.lose()
    with pytest.raises(Unavailable):
        desk.service.deliver(paid)
    assert desk.issued(order) == 2
    assert desk.service.deliver(paid).issued
    assert desk.issued(order) == 2


@pytest.mark.spec("S41")
def test_what_the_service_does_not_know_is_rejected(desk: Desk) -> None:
    """Another type of message is refused for good."""
    for _ in range(2):
        with pytest.raises(Rejected):
            desk.service.deliver(message("order.cancelled", str(uuid4())))
