"""The list of sales over HTTP: its query, its cursors, and who may see what (S12, S17)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entrypoints.http.driving import SECRET, TENANT, THING, USER, UseCase, World, code, token
from ticketpay.domain.money import USD
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.sales import Sale, SaleKey, SaleStatus
from ticketpay.domain.processes.listing import SalesPage, SalesQuery
from ticketpay.entrypoints.http.paging import Cursors

PATH = "/api/v1/transactions"
AT = datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)
PLACE = SaleKey(AT, UUID(int=7))
MINE = f"{TENANT}/user/{USER}/"
CURSORS = Cursors.of(SECRET)


def world(page: SalesPage | None = None) -> World:
    """An application whose list is this page."""
    return World(list_sales=UseCase(page or SalesPage((), None)))


def sale(**changes: Any) -> Sale:
    """A completed sale without taxes."""
    values: dict[str, Any] = {
        "payment_id": UUID(int=7),
        "order_id": THING,
        "user_id": USER,
        "event_id": THING,
        "venue_id": THING,
        "state": PaymentState.COMPLETED,
        "order_state": OrderState.FULFILLED,
        "currency": USD,
        "amount_cents": 1_132,
        "received_cents": 1_132,
        "tickets_cents": 1_000,
        "fees_cents": 132,
        "taxes_cents": 0,
        "refunded_cents": 0,
        "ticket_count": 1,
        "created_at": AT,
    }
    return Sale(**{**values, **changes})


def wrong(response: httpx.Response) -> set[str]:
    """The parameters that a refusal names."""
    assert code(response) == (400, "QUERY_VALIDATION_ERROR")
    return {error["field"] for error in response.json()["errors"]}


def sent(some: World) -> SalesQuery:
    """What the use case was asked."""
    ((_, query),) = some.list_sales.calls
    assert isinstance(query, SalesQuery)
    return query


@pytest.mark.spec("S17", "S17 D1")
def test_a_page_shows_sales_and_where_the_next_begins() -> None:
    """A page holds views with zeroes in them; its cursor, sent back, is the place it stands for."""
    some = world(SalesPage((sale(),), PLACE))
    body = some.get(PATH).json()
    assert body["transactions"][0] == {
        "id": str(UUID(int=7)),
        "orderId": str(THING),
        "eventId": str(THING),
        "venueId": str(THING),
        "status": "completed",
        "currency": "USD",
        "amountCents": 1_132,
        "ticketsCents": 1_000,
        "feesCents": 132,
        "taxCents": 0,
        "refundedCents": 0,
        "ticketQuantity": 1,
        "createdAt": "2026-06-15T12:00:00.123Z",
    }
    again = world()
    assert again.get(f"{PATH}?cursor={body['nextCursor']}").json() == {
        "transactions": [],
        "nextCursor": None,
    }
    assert sent(again) == SalesQuery(after=PLACE)


@pytest.mark.spec("S17", "S12")
def test_a_query_is_read() -> None:
    """Limit, venue and status are read; without them it is one's own, 50 of them."""
    plain, full = world(), world()
    plain.get(PATH)
    assert (sent(plain).limit, sent(plain).venue_id, sent(plain).status) == (50, None, None)
    full.get(f"{PATH}?limit=100&venueId={THING}&status=partially_refunded")
    expected = SalesQuery(limit=100, venue_id=THING, status=SaleStatus.PARTIALLY_REFUNDED)  # type: ignore[arg-type] # any UUID
    assert sent(full) == expected


@pytest.mark.spec("S12", "S17 D5")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limit=0", {"limit"}),
        ("limit=101", {"limit"}),
        ("limit=-1", {"limit"}),
        ("limit=1.0", {"limit"}),
        ("limit=", {"limit"}),
        ("limit=%D9%A3", {"limit"}),
        ("limit=" + "9" * 5000, {"limit"}),
        ("limit=5&limit=5", {"limit"}),
        ("offset=3", {"offset"}),
        ("venueId=x&status=paid&limit=x", {"venueId", "status", "limit"}),
        ("status=Completed", {"status"}),
        ("status=%ff", {"query"}),
        ("&".join(f"a{n}=1" for n in range(21)), {"query"}),
        ("cursor=", {"cursor"}),
    ],
)
def test_a_wrong_query_is_named(query: str, names: set[str]) -> None:
    """Out of range, unknown, repeated, not UTF-8: 400 that names every wrong parameter at once."""
    some = world()
    assert wrong(some.get(f"{PATH}?{query}")) == names
    assert some.calls == 0
    assert some.list_sales.calls == []


@pytest.mark.spec("S17", "S12")
def test_a_cursor_is_good_for_its_own_list_only() -> None:
    """Another tenant's, another buyer's, another venue's or filter's cursor is refused."""
    good = CURSORS.write(PLACE, MINE)
    some = world()
    for query, bearer in (
        (f"cursor={good}&status=failed", token()),
        (f"cursor={good}&venueId={THING}", token(role="admin")),
        (f"cursor={good}", token(tenant=uuid4())),
        (f"cursor={good}", token(user=uuid4())),
        (f"cursor={Cursors.of('x' * 40).write(PLACE, MINE)}", token()),
    ):
        answer = some.get(f"{PATH}?{query}", authorization=f"Bearer {bearer}")
        assert wrong(answer) == {"cursor"}
    assert some.list_sales.calls == []
    assert some.get(f"{PATH}?cursor={good}").status_code == 200
    rotated = Cursors.of("x" * 40, SECRET)
    assert rotated.read(good, MINE) == PLACE
    assert Cursors.of("x" * 40).read(rotated.write(PLACE, MINE), MINE) == PLACE


@pytest.mark.spec("S17")
@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    """A cursor with any bit changed, cut off or grown is no cursor; untouched it is its place."""
    place = SaleKey(
        data.draw(st.integers(0, 10**15).map(lambda n: AT + timedelta(microseconds=n))),
        data.draw(st.uuids()),
    )
    text = CURSORS.write(place, MINE)
    assert CURSORS.read(text, MINE) == place
    raw = bytearray(urlsafe_b64decode(text))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    for bad in (urlsafe_b64encode(raw).decode(), cut, text + "A", text + "=", f" {text}"):
        with pytest.raises(ValueError, match="is not a cursor of this list"):
            CURSORS.read(bad, MINE)


@pytest.mark.spec("S17")
@given(st.text("AQgw09-_=+/ \n\u0661", min_size=50, max_size=60))
def test_no_text_is_a_cursor(text: str) -> None:
    """Whatever is sent for a cursor is refused with the same words."""
    with pytest.raises(ValueError, match="is not a cursor of this list"):
        CURSORS.read(text, MINE)
