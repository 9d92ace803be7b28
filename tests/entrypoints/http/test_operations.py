"""The table of operations: nothing is served by accident."""

from __future__ import annotations

import pytest

from ticketpay.domain.parties import Role
from ticketpay.entrypoints.http.endpoints import Endpoints
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation


@pytest.mark.spec("S08")
@pytest.mark.parametrize("access", [{}, {"public": True, "roles": (Role.ADMIN,)}])
def test_an_operation_says_exactly_once_who_may_call_it(access: dict[str, object]) -> None:
    """An operation without roles is refused, and so is one that is both public and not."""
    with pytest.raises(ValueError, match="GET /x must have either roles"):
        Operation(method="GET", path="/x", endpoint="x", summary="X", **access)  # type: ignore[arg-type]  # drawn


def test_every_public_method_of_the_endpoints_is_an_operation() -> None:
    """No endpoint is without a row, and no row without its endpoint."""
    served = {name for name in vars(Endpoints) if not name.startswith("_")}
    methods = {name for name in served if callable(getattr(Endpoints, name))}
    assert {operation.endpoint for operation in OPERATIONS} == methods
