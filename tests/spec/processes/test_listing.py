"""Lists of sales: who may ask, and how a filtered page goes on (S07, S17)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenery import START
from ticketpay.adapters.memory import VirtualClock
from ticketpay.domain.kernel.errors import Forbidden
from ticketpay.domain.kernel.ids import OrderId, PaymentId, TenantId, UserId, VenueId
from ticketpay.domain.money import Currency
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.sales import (
    NEWEST,
    Sale,
    SaleCount,
    SaleKey,
    SaleStatus,
)
from ticketpay.domain.processes import listing
from ticketpay.domain.processes.listing import ListSales, SalesQuery, ShowStats

VENUE = VenueId(UUID(int=5))
STATES = st.sampled_from(list(PaymentState))


def actor(role: Role = Role.CUSTOMER, *venues: VenueId) -> Actor:
    """Somebody of the only tenant."""
    return Actor(
        tenant_id=TenantId(UUID(int=1)),
        user_id=UserId(UUID(int=2)),
        role=role,
        venues=frozenset(venues),
    )


def sale(number: int, state: PaymentState) -> Sale:
    """The sale of a second, without money that would matter here."""
    return Sale(
        payment_id=PaymentId(UUID(int=number)),
        order_id=OrderId(UUID(int=number)),
        user_id=UserId(UUID(int=2)),
        event_id=cast("Any", UUID(int=4)),
        venue_id=VENUE,
        state=state,
        order_state=OrderState.PAID,
        currency=Currency("USD"),
        amount_cents=100,
        received_cents=100,
        tickets_cents=100,
        fees_cents=0,
        taxes_cents=0,
        refunded_cents=0,
        ticket_count=1,
        created_at=START - timedelta(seconds=number),
    )


@attrs.frozen
class Listed:
    """A unit of work, its transaction and its sales in one: a list, newest first."""

    found: Sequence[Sale] = ()
    counted: Sequence[SaleCount] = ()
    read: list[int] = attrs.field(factory=list)

    @property
    def sales(self) -> Listed:
        return self

    def run(self, _: TenantId, fn: Any) -> Any:
        return fn(self)

    def of_user(self, _: UserId, after: SaleKey, limit: int) -> Any:
        self.read.append(limit)
        older = [one for one in self.found if one.key < after]
        return lambda: tuple(older[:limit])

    of_venue = of_user

    def counts(self, _: Any) -> Any:
        return lambda: tuple(self.counted)


@pytest.mark.spec("S17 D5")
@given(
    st.lists(STATES, max_size=30),
    st.sampled_from([None, *SaleStatus]),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_pages_are_all_that_match(
    states: list[PaymentState], status: SaleStatus | None, limit: int, looked_at: int
) -> None:
    """Pages put together are exactly the sales of the status, in order; each reads a bounded number."""
    listed = Listed([sale(number, state) for number, state in enumerate(states)])
    pages, after = list[Sale](), NEWEST
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "LOOKED_AT_MAX", looked_at)
        while True:
            query = SalesQuery(status=status, after=after, limit=limit)
            page = ListSales(uow=cast("Any", listed))(actor(), query)
            assert len(page.sales) <= limit
            pages += page.sales
            if page.next is None:
                break
            assert page.next < after
            after = page.next
    assert pages == [one for one in listed.found if status in (None, one.status)]
    assert max(listed.read) == (looked_at if status else limit) + 1


@pytest.mark.spec("S17", "S08 D2")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("own", [True, False])
def test_a_venue_is_seen_by_its_managers_and_by_the_platform(role: Role, own: bool) -> None:  # noqa: FBT001 - a parameter
    """A venue's list is for its managers, support and admins; everybody has a list of their own."""
    who = actor(role, *([VENUE] if own else []))
    use_case = ListSales(uow=cast("Any", Listed()))
    assert use_case(who, SalesQuery()).sales == ()
    if role in (Role.ADMIN, Role.SUPPORT) or (role is Role.VENUE_MANAGER and own):
        assert use_case(who, SalesQuery(venue_id=VENUE)).sales == ()
    else:
        with pytest.raises(Forbidden):
            use_case(who, SalesQuery(venue_id=VENUE))


@pytest.mark.spec("S07 D3")
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_statistics_are_for_admins(role: Role) -> None:
    """Nobody but an admin sees the statistics of the tenant."""
    stats = ShowStats(uow=cast("Any", Listed()), clock=VirtualClock(START))
    assert stats(actor(Role.ADMIN))["last24Hours"] == []
    with pytest.raises(Forbidden):
        stats(actor(role))
