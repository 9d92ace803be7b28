"""The use case of an estimate: whose venue may be asked for (S18)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.support.backend import memory
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.pricing import FeeSchedule, tax_table
from ticketpay.domain.processes.estimating import EstimateFees, estimate_view
from ticketpay.domain.processes.quoting import PriceBook


@pytest.mark.spec("S18")
def test_an_estimate_is_asked_for_a_venue_of_the_tenant() -> None:
    """The answer is marked as an estimate and adds up; another tenant's venue is not found."""
    with memory() as backend:
        clock: Any = type("Clock", (), {"now": staticmethod(backend.now)})
        prices = PriceBook(fees=FeeSchedule(), taxes=tax_table())
        ask = EstimateFees(uow=backend.uow, prices=prices, clock=clock)
        view: Any = estimate_view(ask(backend.home.actor(), backend.home.venue_id, 10_000, 2))
        assert (view["estimate"], view["tier"]) == (True, "starter")
        parts = view["breakdown"]
        assert view["totalCents"] == parts.pop("totalCents") == sum(parts.values())
        for venue in (backend.away.venue_id, VenueId(UUID(int=9))):
            with pytest.raises(NotFound):
                ask(backend.home.actor(), venue, 10_000, 2)
