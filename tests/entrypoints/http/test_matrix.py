"""The matrix: every operation of the table, asked by everybody who may not (S08).

The rows come from the table and the actors from the lists below: a new operation without a scene
fails, and one with a scene is asked by all of them. Whoever is refused learns nothing: the answer
about what exists is, byte for byte, the answer about what does not.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import httpx
import jwt
import pytest

from tests.entrypoints.http.driving import SECRET, SETTINGS
from tests.entrypoints.http.shop import Shop, addressed
from ticketpay.domain.parties import Role
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation

pytestmark = pytest.mark.spec("S08")

OWNER = UUID("0a000000-0000-4000-8000-00000000000a")
STRANGER = UUID("0b000000-0000-4000-8000-00000000000b")
ELSEWHERE = UUID("0c000000-0000-4000-8000-00000000000c")
NOWHERE = UUID("0d000000-0000-4000-8000-00000000000d")
NOW = datetime.now(UTC)
GUARDED = tuple(one for one in OPERATIONS if one.roles)
OPEN = tuple(one for one in OPERATIONS if not one.roles)


@attrs.frozen
class Target:
    """What a request is about: things that exist, or the same request about things that do not."""

    payment: str
    order: str
    event: str
    venue: str
    kind: str
    refund: str

    @classmethod
    def nothing(cls) -> Target:
        return cls(*([str(NOWHERE)] * 6))


@attrs.frozen
class Place:
    """The shop with one sale of the owner."""

    shop: Shop
    sold: Target

    @property
    def ids(self) -> set[str]:
        """What must not be told."""
        tenant = str(self.shop.scenery.tenant)
        return {*attrs.astuple(self.sold), tenant, str(OWNER)}


@pytest.fixture(scope="module")
def place() -> Place:
    """A shop where the owner has bought a ticket, and whose venue has a plan."""
    shop = Shop.open()
    sale, scenery = shop.buy(user=OWNER), shop.scenery
    ids = (scenery.event_id, scenery.venue_id, scenery.standing)
    asked = {"paymentId": sale["id"], "amountCents": 1}
    refund = shop.send("POST", "/api/v1/refunds", shop.token(user=OWNER), body=asked).json()
    event, venue, kind = map(str, ids)
    path, admin = f"/api/v1/venues/{venue}/subscription", shop.token(role=Role.ADMIN)
    assert shop.send("POST", path, admin, body={"plan": "pro"}).status_code == 201
    return Place(shop, Target(sale["id"], sale["orderId"], event, venue, kind, refund["id"]))


Scene = Callable[[Target], dict[str, Any]]


def _tickets(target: Target) -> list[dict[str, Any]]:
    return [{"ticketTypeId": target.kind, "quantity": 1}]


def _purchase(target: Target) -> dict[str, Any]:
    card = {"type": "card", "token": "tok_visa"}
    body = {"venueId": target.venue, "eventId": target.event, "tickets": _tickets(target)}
    return {"body": body | {"paymentMethod": card, "deviceFingerprint": "device"}}


def _estimate(target: Target) -> dict[str, Any]:
    return {"body": {"venueId": target.venue, "amountCents": 100, "ticketCount": 1}}


SCENES: dict[str, Scene] = {
    "quote": lambda of: {"body": {"eventId": of.event, "tickets": _tickets(of)}},
    "pay": _purchase,
    "confirm": lambda of: {"id": of.payment, "body": {}},
    "cancel": lambda of: {"id": of.payment, "body": {}},
    "show_payment": lambda of: {"id": of.payment},
    "show_order": lambda of: {"id": of.order},
    "refund": lambda of: {"body": {"paymentId": of.payment, "amountCents": 1}},
    "refund_sale": lambda of: {"id": of.payment, "body": {"amountCents": 1}},
    "show_refund": lambda of: {"id": of.refund},
    "payment_refunds": lambda of: {"id": of.payment},
    "payment_disputes": lambda of: {"id": of.payment},
    "approve_refund": lambda of: {"id": of.refund, "body": {}},
    "reject_refund": lambda of: {"id": of.refund, "body": {}},
    "venue_balance": lambda of: {"id": of.venue},
    "venue_payouts": lambda of: {"id": of.venue},
    "pay_out": lambda of: {"id": of.venue, "body": {"amountCents": 100}},
    "plans": lambda _: {},
    "venue_subscription": lambda of: {"id": of.venue},
    "subscribe": lambda of: {"id": of.venue, "body": {"plan": "enterprise"}},
    "unsubscribe": lambda of: {"id": of.venue},
    "calculate_fees": _estimate,
    "exchange_rates": lambda _: {},
    "transactions": lambda of: {"params": {"venueId": of.venue}},
    "stats": lambda _: {},
}


def claims(place: Place, role: Role) -> dict[str, Any]:
    """The claims of a genuine token of the owner."""
    return {
        "iss": SETTINGS.jwt_issuer,
        "aud": SETTINGS.jwt_audience,
        "sub": str(OWNER),
        "tenant": str(place.shop.scenery.tenant),
        "role": str(role),
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3_600,
    }


def _tampered(place: Place, role: Role) -> str:
    """A genuine head and signature around claims that were changed."""
    head, _, seal = jwt.encode(claims(place, Role.COMPLIANCE), SECRET, "HS256").split(".")
    return f"{head}.{_base64(json.dumps(claims(place, role)).encode())}.{seal}"


def _by_hs512(place: Place, role: Role) -> str:
    """Genuine in everything but the algorithm."""
    said = ({"alg": "HS512", "typ": "JWT"}, claims(place, role))
    text = ".".join(_base64(json.dumps(one).encode()) for one in said)
    return f"{text}.{_base64(hmac.digest(SECRET.encode(), text.encode(), 'sha512'))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _sealed_by(secret: str | None, algorithm: str, **changes: Any) -> Callable[[Place, Role], str]:
    def forge(place: Place, role: Role) -> str:
        return jwt.encode(claims(place, role) | changes, secret, algorithm)

    return forge


LONG_AGO = int((NOW - timedelta(hours=3)).timestamp())
NOBODIES: dict[str, Callable[[Place, Role], str | None]] = {
    "no token": lambda _, __: None,
    "no token at all": lambda _, __: "",
    "expired": _sealed_by(SECRET, "HS256", iat=LONG_AGO, exp=LONG_AGO + 3_600),
    "wrong audience": _sealed_by(SECRET, "HS256", aud="somebody-else"),
    "wrong issuer": _sealed_by(SECRET, "HS256", iss="somebody-else"),
    "unsigned": _sealed_by(None, "none"),
    "wrong algorithm": _by_hs512,
    "wrong secret": _sealed_by(SECRET[::-1], "HS256"),
    "tampered": _tampered,
    "unknown role": _sealed_by(SECRET, "HS256", role="root"),
}


@attrs.frozen
class Somebody:
    """A genuine caller who has no business here."""

    who: str
    role: Role
    foreign: bool = False
    venues: tuple[UUID, ...] = ()

    def token(self, place: Place) -> str:
        """Theirs; the other tenant's are everything there."""
        changes: dict[str, Any] = {"user": STRANGER, "role": self.role, "venues": self.venues}
        if self.foreign:
            changes["tenant"] = ELSEWHERE
        return place.shop.token(**changes)


# What belongs to the tenant and not to one user: everybody there may ask about it.
COMMON = {"quote", "pay", "calculate_fees", "exchange_rates", "stats"}


def strangers(operation: Operation) -> Iterator[Somebody]:
    """Everybody who has the role and is still not to see the owner's or the tenant's things."""
    for role in operation.roles:
        yield Somebody(f"other tenant's {role}", role, foreign=True)
        if operation.endpoint in COMMON:
            continue
        if role is Role.VENUE_MANAGER:
            yield Somebody("other venue's manager", role, venues=(ELSEWHERE,))
        if role in (Role.CUSTOMER, Role.COMPLIANCE):
            yield Somebody(f"other user, {role}", role)


def ask(place: Place, operation: Operation, bearer: str | None, of: Target) -> httpx.Response:
    """The request of the operation's scene about a target."""
    scene = SCENES[operation.endpoint](of)
    path = addressed(operation, scene.pop("id", ""))
    found: httpx.Response = place.shop.send(operation.method, path, bearer, **scene)
    return found


def same_for_nothing(place: Place, operation: Operation, bearer: str | None) -> httpx.Response:
    """The answer, after it was seen to be that about nothing, and to tell no id unasked."""
    real = ask(place, operation, bearer, place.sold)
    none = ask(place, operation, bearer, Target.nothing())
    asked = json.dumps(SCENES[operation.endpoint](place.sold))
    assert real.status_code == none.status_code
    assert _unnamed(real.text, place.ids) == _unnamed(none.text, {str(NOWHERE)})
    assert [one for one in place.ids if one in real.text and one not in asked] == []
    assert _shape(real) == _shape(none)
    return real


def _unnamed(text: str, ids: set[str]) -> str:
    """The text without the ids that the caller named, and without its time."""
    for one in ids:
        text = text.replace(one, "*")
    return re.sub(r'"timestamp":"[^"]*"', "", text)


def _shape(response: httpx.Response) -> list[str]:
    return sorted(name for name in response.headers if name != "idempotent-replayed")


def test_every_row_has_its_scene() -> None:
    """An operation with roles cannot be added without being asked by everybody below."""
    assert SCENES.keys() == {operation.endpoint for operation in GUARDED}
    assert {one.endpoint for one in OPEN if one.signed} == {"webhook"}


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: row.endpoint)
@pytest.mark.parametrize("nobody", NOBODIES)
def test_nobody_learns_anything(place: Place, row: Operation, nobody: str) -> None:
    """Whoever cannot be believed gets the same 401 about everything."""
    bearer = NOBODIES[nobody](place, row.roles[-1])
    answer = same_for_nothing(place, row, bearer)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_REQUIRED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("row", "role"),
    [(row, role) for row in GUARDED for role in Role if role not in row.roles],
    ids=lambda one: getattr(one, "endpoint", str(one)),
)
def test_a_missing_role_is_refused(place: Place, row: Operation, role: Role) -> None:
    """Even the owner is refused in a role that the row does not name."""
    answer = same_for_nothing(place, row, place.shop.token(user=OWNER, role=role))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("row", "stranger"),
    [(row, one) for row in GUARDED for one in strangers(row)],
    ids=lambda one: getattr(one, "endpoint", None) or one.who,
)
def test_strangers_learn_nothing(place: Place, row: Operation, stranger: Somebody) -> None:
    """Other users, tenants and venues' managers are told what they are told of nothing."""
    answer = same_for_nothing(place, row, stranger.token(place))
    if "{id}" in row.path:
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("role", Role)
def test_ones_own_list_is_ones_own(place: Place, role: Role, foreign: bool) -> None:  # noqa: FBT001 - drawn
    """The list of sales without a venue is empty for whoever bought nothing."""
    token = Somebody("", role, foreign=foreign).token(place)
    answer = place.shop.send("GET", "/api/v1/transactions", token)
    assert answer.json() == {"transactions": [], "nextCursor": None}


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: row.endpoint)
def test_the_scenes_are_not_refused_by_accident(place: Place, row: Operation) -> None:
    """The same requests, sent by whom they are meant for, are answered."""
    role = Role.ADMIN if Role.CUSTOMER not in row.roles or "venueId" in row.query else row.roles[0]
    # Whoever asked for a refund does not decide about it.
    user = STRANGER if row.endpoint in ("approve_refund", "reject_refund") else OWNER
    answer = ask(place, row, place.shop.token(user=user, role=role), place.sold)
    assert answer.status_code in (200, 201, 409), answer.text


@pytest.mark.parametrize("row", OPEN, ids=lambda row: row.endpoint)
def test_the_open_doors_lead_nowhere(place: Place, row: Operation) -> None:
    """What needs no token tells nothing about any tenant; what is signed needs its signature."""
    answer = place.shop.send(row.method, row.path, place.shop.token(user=OWNER))
    assert answer.status_code == (400 if row.signed else 200)
    assert [one for one in place.ids if one in answer.text] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_there_are_no_other_methods(place: Place, method: str) -> None:
    """Nothing but the methods of the table is served on its paths."""
    served = {row.path for row in OPERATIONS if row.method == method}
    for row in (row for row in OPERATIONS if row.path not in served):
        answer = place.shop.send(method, addressed(row, place.sold.payment))
        assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
