"""What the stock promises: never over capacity, a seat for one order, every hold ends once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.backend import Backend
from ticketpay.domain.inventory import check_available
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.pricing import Demand
from ticketpay.ports.transactions import Tx


def sell(backend: Backend, demand: Demand) -> OrderId:
    """Store an order and hold its tickets as the checkout does."""
    order = backend.home.order(backend.now(), demand)

    def hold(tx: Tx) -> None:
        check_available(tx.stock.lock(demand)(), demand)
        tx.orders.add(order)
        tx.stock.hold(order.id, demand)

    backend.run(hold)
    return order.id


def taken(backend: Backend) -> tuple[int, int]:
    """How many standing tickets and how many seats are taken."""
    home = backend.home
    return backend.stock_counts(home.standing)[1], backend.stock_counts(home.seated)[1]


@pytest.mark.spec("S12")
def test_a_hold_takes_and_a_release_gives_back(backend: Backend) -> None:
    """Held tickets and seats are taken; after a release, done twice, they are free once."""
    home = backend.home
    order = sell(backend, home.demand(2, "A1"))
    assert taken(backend) == (2, 1)
    for _ in range(2):
        backend.run(lambda tx: tx.stock.release(order))
    assert taken(backend) == (0, 0)
    view = backend.run(lambda tx: tx.stock.lock(home.demand(1, "A1"))())
    assert view.left[home.standing] == 5
    assert view.seats[home.seated, "A1"]
    assert view.seated == {home.seated}


@pytest.mark.spec("S12")
def test_what_is_confirmed_is_not_released(backend: Backend) -> None:
    """A confirmed hold stays taken, whatever is released or confirmed after it."""
    order = sell(backend, backend.home.demand(2, "A1"))
    backend.run(lambda tx: tx.stock.confirm(order))
    backend.run(lambda tx: tx.stock.release(order))
    backend.run(lambda tx: tx.stock.confirm(order))
    assert taken(backend) == (2, 1)
    assert backend.run(lambda tx: tx.stock.hold_again(order)())
    assert taken(backend) == (2, 1)


@pytest.mark.spec("S14")
def test_holding_again_takes_what_was_released(backend: Backend) -> None:
    """Released tickets are taken again once; holding what is held changes nothing."""
    order = sell(backend, backend.home.demand(2, "A1"))
    assert backend.run(lambda tx: tx.stock.hold_again(order)())
    backend.run(lambda tx: tx.stock.release(order))
    for _ in range(2):
        assert backend.run(lambda tx: tx.stock.hold_again(order)())
    assert taken(backend) == (2, 1)
    backend.run(lambda tx: tx.stock.confirm(order))
    backend.run(lambda tx: tx.stock.release(order))
    assert taken(backend) == (2, 1)


@pytest.mark.spec("S14")
@pytest.mark.parametrize(("count", "seats"), [(4, ()), (0, ("A1",))])
def test_holding_again_fails_when_it_is_gone(
    backend: Backend, count: int, seats: tuple[str, ...]
) -> None:
    """When somebody else took the tickets or the seat, nothing at all is taken again."""
    home = backend.home
    order = sell(backend, home.demand(2, "A1"))
    backend.run(lambda tx: tx.stock.release(order))
    sell(backend, home.demand(count, *seats))
    before = taken(backend)
    assert not backend.run(lambda tx: tx.stock.hold_again(order)())
    assert taken(backend) == before


@pytest.mark.spec("S12")
def test_a_quoted_demand_is_locked_like_its_demand(backend: Backend) -> None:
    """Locking by a stored quote shows the stock of the quoted demand."""
    home = backend.home
    quote = home.quote(home.demand(2, "A2"), backend.now())
    backend.run(lambda tx: tx.quotes.add(quote))
    by_quote = backend.run(lambda tx: tx.stock.lock_quoted(quote.id)())
    assert by_quote == backend.run(lambda tx: tx.stock.lock(quote.demand())())
    assert by_quote.seats == {(home.seated, "A2"): True}


@pytest.mark.spec("S12")
def test_the_store_itself_refuses_to_oversell(backend: Backend) -> None:
    """Even a hold that nobody checked is a conflict when it goes over the capacity."""
    order = backend.stored_order(1)

    def grab(tx: Tx) -> None:
        tx.stock.lock(backend.home.demand(6))()
        tx.stock.hold(order.id, backend.home.demand(6))

    with pytest.raises(Conflict):
        backend.run(grab)
    assert taken(backend) == (0, 0)


@pytest.mark.spec("S12")
def test_the_store_itself_refuses_a_taken_seat(backend: Backend) -> None:
    """Even a hold that nobody checked is a conflict when the seat belongs to another order."""
    sell(backend, backend.home.demand(0, "A1"))
    order = backend.stored_order(1)

    def grab(tx: Tx) -> None:
        tx.stock.lock(backend.home.demand(0, "A1"))()
        tx.stock.hold(order.id, backend.home.demand(0, "A1"))

    with pytest.raises(Conflict):
        backend.run(grab)
    assert taken(backend) == (0, 1)


@pytest.mark.spec("S12")
@pytest.mark.parametrize(("seats", "winners"), [((), 5), (("A1",), 1)])
def test_a_race_never_oversells(backend: Backend, seats: tuple[str, ...], winners: int) -> None:
    """Eight threads race for five tickets, or for one seat: exactly the capacity is sold."""
    demand = backend.home.demand(0 if seats else 1, *seats)

    def attempt(_: int) -> bool:
        try:
            sell(backend, demand)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == winners
    assert taken(backend) == ((0, 1) if seats else (5, 0))


@pytest.mark.spec("S37")
def test_to_lock_an_event_changes_nothing(backend: Backend) -> None:
    """What is locked as a whole can be taken, released and sold as before."""
    home = backend.home
    order = sell(backend, home.demand(2, "A1"))
    for act in ("release", "hold_again", "confirm"):

        def locked(tx: Tx, act: str = act) -> None:
            tx.stock.lock_event(order, home.event_id)
            later = getattr(tx.stock, act)(order)
            assert later is None or later()

        backend.run(locked)
    assert taken(backend) == (2, 1)


@pytest.mark.spec("S24")
def test_sold_tickets_are_for_sale_again(backend: Backend) -> None:
    """What is given back is free and can be sold to somebody else; the rest stays sold."""
    home = backend.home
    order = backend.stored_order(2, "A1")

    def buy(tx: Tx) -> None:
        tx.stock.lock(home.demand(2, "A1"))()
        tx.stock.hold(order.id, home.demand(2, "A1"))
        tx.stock.confirm(order.id)

    backend.run(buy)
    standing, _, seat = order.tickets
    backend.run(lambda tx: tx.stock.give_back(order.id, [standing]))
    assert taken(backend) == (1, 1)
    backend.run(lambda tx: tx.stock.give_back(order.id, [seat]))
    assert taken(backend) == (1, 0)
    sell(backend, home.demand(0, "A1"))
    assert taken(backend) == (1, 1)


@pytest.mark.spec("S24")
@pytest.mark.parametrize("confirmed", [True, False])
def test_no_more_is_given_back_than_was_sold(backend: Backend, confirmed: bool) -> None:  # noqa: FBT001 - drawn
    """A third ticket of two, or one that was never paid, is a conflict and frees nothing."""
    order = backend.stored_order(2)

    def buy(tx: Tx) -> None:
        tx.stock.lock(backend.home.demand(2))()
        tx.stock.hold(order.id, backend.home.demand(2))
        if confirmed:
            tx.stock.confirm(order.id)

    backend.run(buy)
    wanted = [*order.tickets, order.tickets[0]] if confirmed else order.tickets
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.stock.give_back(order.id, wanted))
    assert taken(backend) == (2, 0)
