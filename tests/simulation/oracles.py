"""The oracles: what must be true after every step, and what must be true once all is healed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.simulation.actors import World
from ticketpay.adapters.memory.store import TenantTables
from ticketpay.domain.inventory import HoldState
from ticketpay.domain.ledger import LedgerReport, ProviderTotal, verify_ledger
from ticketpay.domain.messaging import Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import Payment, PaymentState, ProviderFact, ProviderStatus
from ticketpay.domain.refunds import RefundState

__all__ = ["check_always", "check_healed"]

PAID: Final = (OrderState.PAID, OrderState.FULFILLED)
OVER: Final = (OrderState.CANCELLED, OrderState.EXPIRED)
NEVER_RUNG: Final = ("janitor_refused", "order_refuses_payment", "refund_failed")


def check_always(world: World) -> None:
    """The stock is what the holds say, a seat has one order, and the ledger is balanced."""
    tables = world.system.uow.store.of(world.system.scenery.tenant)
    _check_stock(tables)
    _check_seats(tables)
    total = sum(e.cents for p in tables.tail.values() for e in p.entries)
    assert total + sum(tables.checkpoints.values()) == 0, "the ledger does not balance"


def _check_stock(tables: TenantTables) -> None:
    held: dict[object, int] = {}
    for holds in tables.holds.values():
        for type_id, hold in holds.items():
            if hold.state is not HoldState.RELEASED:
                held[type_id] = held.get(type_id, 0) + hold.quantity
    for type_id, row in tables.stock.items():
        assert 0 <= row.taken <= row.capacity, f"{row.taken} of {row.capacity} are taken"
        assert row.taken == held.get(type_id, 0), f"{row.taken} taken, {held.get(type_id, 0)} held"


def _check_seats(tables: TenantTables) -> None:
    owners: dict[object, object] = {}
    for order_id, holds in tables.holds.items():
        for type_id, hold in holds.items():
            if hold.state is not HoldState.RELEASED:
                for label in hold.seats:
                    seat = (type_id, label)
                    assert seat not in owners, f"seat {label} is in two orders"
                    owners[seat] = order_id
    taken = {seat: owner for seat, owner in tables.seats.items() if owner is not None}
    assert taken == owners, "the seats are not what the holds say"


def check_healed(world: World) -> None:
    """Every sale is over, and all parties agree about its end."""
    system = world.system
    tables = system.uow.store.of(system.scenery.tenant)
    facts = system.provider_facts()
    for payment in tables.payments.values():
        mine = [fact for fact in facts if fact.payment_id == str(payment.id)]
        _check_payment(tables, payment, mine)
    report = _report(world, facts)
    assert report.ok, f"the ledger and the provider differ: {report.differences}"
    assert not list(system.uow.store.platform.timers.keys()), "a timer was left"
    refunds = [refund.state for refund in tables.refunds.values()]
    assert all(state is RefundState.COMPLETED for state in refunds), f"refunds are {refunds}"
    _check_deliveries(world, tables)
    _check_answers(world, tables)
    rung = [kind for kind in system.alerts.kinds() if kind in NEVER_RUNG]
    assert not rung, f"alerts rang: {rung}"


def _report(world: World, facts: list[ProviderFact]) -> LedgerReport:
    totals = [
        ProviderTotal(
            payment_id=fact.payment_id,
            account=fact.ref.account,
            currency=fact.received.currency.code,
            cents=fact.received.cents,
        )
        for fact in facts
        if fact.received.cents
    ]
    balances, booked = world.system.uow.run(
        world.system.scenery.tenant,
        lambda tx: (tx.ledger.balances()(), tx.ledger.booked_by_payment()()),
    )
    return verify_ledger(balances, booked, totals)


def _check_payment(tables: TenantTables, payment: Payment, facts: list[ProviderFact]) -> None:
    order = tables.orders.get(payment.order_id)
    holds = tables.holds.get(payment.order_id) or {}
    states = {hold.state for hold in holds.values()}
    assert order is not None
    succeeded = [fact for fact in facts if fact.status is ProviderStatus.SUCCEEDED]
    assert len(succeeded) <= 1, f"payment {payment.id} was charged {len(succeeded)} times"
    received = sum(fact.received.cents for fact in facts)
    if payment.state is PaymentState.COMPLETED:
        assert order.state in PAID, f"paid, but the order is {order.state}"
        assert states == {HoldState.CONFIRMED}, f"paid, but its tickets are {states}"
        assert received == order.total.cents, f"{received} of {order.total} were received"
    else:
        assert payment.state is PaymentState.CANCELLED, f"a payment is left {payment.state}"
        assert order.state in OVER, f"cancelled, but the order is {order.state}"
        assert states == {HoldState.RELEASED}, f"cancelled, but its tickets are {states}"
        assert received == 0, f"cancelled, but {received} cents are kept"
        assert not any(fact.status.is_open for fact in facts), "an intent can still be paid"


def _check_deliveries(world: World, tables: TenantTables) -> None:
    paid = {order.id for order in tables.orders.values() if order.state in PAID}
    sent = [m for m in world.system.tickets.delivered if m.type == "order.paid"]
    assert {message.aggregate_id for message in sent} == paid, "order.paid went astray"
    ids = {message.id for message in sent}
    assert len(ids) == len(paid), "order.paid was told under two ids"
    issued = {order.state for order in tables.orders.values() if order.id in paid}
    assert issued <= {OrderState.FULFILLED}, "tickets are issued, but the order is not fulfilled"


def _check_answers(world: World, tables: TenantTables) -> None:
    completed = {str(p.id) for p in tables.payments.values() if p.state is PaymentState.COMPLETED}
    for told in _told_completed(world):
        assert told in completed, f"payment {told} was acknowledged and is not paid"


def _told_completed(world: World) -> Iterator[str]:
    for request in world.requests:
        if request.final is not None and request.final.outcome is Outcome.COMPLETED:
            yield str(request.final.body["id"])
