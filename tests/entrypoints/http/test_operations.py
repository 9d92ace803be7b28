"""The table of operations: nothing is served by accident."""

from __future__ import annotations

from inspect import iscoroutinefunction

import pytest

from tests.entrypoints.http.driving import SETTINGS, World
from ticketpay.domain.parties import Role
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.endpoints import Endpoints
from ticketpay.entrypoints.http.health import Health
from ticketpay.entrypoints.http.openapi import Documents
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation
from ticketpay.entrypoints.http.plans import PlanEndpoints
from ticketpay.entrypoints.http.refunds import RefundEndpoints
from ticketpay.entrypoints.http.routing import routes
from ticketpay.entrypoints.http.venues import VenueEndpoints


@pytest.mark.spec("S08")
@pytest.mark.parametrize("access", [{}, {"public": True, "roles": (Role.ADMIN,)}])
def test_an_operation_says_exactly_once_who_may_call_it(access: dict[str, object]) -> None:
    """An operation without roles is refused, and so is one that is both public and not."""
    with pytest.raises(ValueError, match="GET /x must have either roles"):
        Operation(method="GET", path="/x", endpoint="x", summary="X", **access)  # type: ignore[arg-type]  # drawn


def test_every_endpoint_is_an_operation() -> None:
    """No endpoint is without a row, and no row without its endpoint."""
    named = sorted(operation.endpoint for operation in OPERATIONS)
    assert named == sorted(
        name
        for servant in (
            Endpoints,
            RefundEndpoints,
            VenueEndpoints,
            PlanEndpoints,
            Health,
            Documents,
        )
        for name, found in vars(servant).items()
        if iscoroutinefunction(found) and not name.startswith("_")
    )


@pytest.mark.spec("S08")
@pytest.mark.parametrize("servants", [(), (object(),), (World(), World())])
def test_a_row_without_its_one_endpoint_is_refused(servants: tuple[object, ...]) -> None:
    """An operation that nobody serves, or two, stops the start."""
    row = Operation(method="GET", path="/x", endpoint="ready", summary="X", public=True)
    with pytest.raises(LookupError, match=r"ready is served by [02] endpoints"):
        routes((row,), servants, Guard.of(SETTINGS))
