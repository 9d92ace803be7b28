"""Schemathesis reads the OpenAPI document and asks the real use cases what it allows, and does not.

No answer is a server error, and every answer is one that the document promises.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.entrypoints.http.shop import Shop
from tests.fuzz.driving import EXAMPLES
from ticketpay.domain.parties import Role
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation

pytestmark = pytest.mark.spec("S07", "S12")

SHORT = 3
"""Cases an operation in the everyday suite; ``make fuzz`` draws EXAMPLES."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SHOP = Shop.open(capacity=1_000_000)
SOLD = SHOP.buy()
DOCUMENT = schemathesis.openapi.from_asgi("/openapi.json", SHOP.served)
DRAWN = {
    row.endpoint: st.one_of(
        *(
            DOCUMENT[row.path][row.method].as_strategy(generation_mode=mode)
            for mode in GenerationMode
        )
    )
    for row in OPERATIONS
}


def made_real(case: Any) -> None:
    """Let a drawn case speak of what is for sale and of what was sold, where it can."""
    scenery, body = SHOP.scenery, case.body
    if "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = SOLD["orderId" if "orders" in case.path else "id"]
    if not isinstance(body, dict):
        return
    known = {"eventId": scenery.event_id, "venueId": scenery.venue_id}
    body.update({name: str(known[name]) for name in known.keys() & body.keys()})
    body.pop("quoteId", None)
    lines = body.get("tickets")
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, dict) and "ticketTypeId" in line:
            line["ticketTypeId"] = str(scenery.standing)
            line.pop("seats", None)
            line.pop("priceCents", None)
    body.pop("totalCents", None)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.endpoint)
@pytest.mark.timeout(0)
def test_the_api_keeps_to_its_document(row: Operation) -> None:
    """Whatever is sent, in whatever role, is answered with what the document promises."""

    @seed(1)
    @settings(
        max_examples=EXAMPLES if "EXAMPLES" in os.environ else SHORT,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(DRAWN[row.endpoint], st.sampled_from(row.roles or tuple(Role)), st.booleans())
    def ask(case: Any, role: Role, real: bool) -> None:  # noqa: FBT001 - drawn
        if real:
            made_real(case)
        headers = {"Authorization": f"Bearer {SHOP.token(role=role)}"}
        if row.idempotent and real:
            headers["Idempotency-Key"] = str(uuid4())
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    ask()
