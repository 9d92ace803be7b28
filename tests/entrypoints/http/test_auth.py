"""Who is let in, and who is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import attrs
import jwt
import pytest
from starlette.requests import Request

from tests.entrypoints.http.driving import (
    PAYMENTS,
    SECRET,
    SETTINGS,
    TENANT,
    THING,
    USER,
    World,
    code,
    purchase,
    token,
)
from ticketpay.domain.kernel.errors import InvalidInput, Unauthenticated
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId
from ticketpay.domain.parties import Actor, Role
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.settings import Secret, Settings

pytestmark = pytest.mark.spec("S08")

NOW = datetime.now(UTC)


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "iss": "tickettoken",
        "aud": "tickettoken-platform",
        "sub": str(USER),
        "tenant": str(TENANT),
        "role": "customer",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 7_200,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(**changes: Any) -> str:
    return "Bearer " + jwt.encode(claims(**changes), SECRET, "HS256")


def signed_text(text: str, encoding: str = "utf-8") -> str:
    return "Bearer " + jwt.PyJWS().encode(text.encode(encoding), SECRET, "HS256")


BAD = {
    "no header": None,
    "no scheme": token(),
    "basic": "Basic dXNlcjpwYXNz",
    "empty": "Bearer ",
    "not a token": "Bearer abc",
    "odd text": "Bearer \u00e4.\u00f6.\u00fc",
    "huge": "Bearer " + "a" * 10_000,
    "deep header": "Bearer " + "W1tb" * 900 + ".e30.AAAA",
    "unsigned": "Bearer " + jwt.encode(claims(), None, "none"),
    "other algorithm": "Bearer " + jwt.encode(claims(), SECRET * 2, "HS512"),
    "other secret": "Bearer " + token(secret=SECRET[::-1]),
    "expired": "Bearer " + token(now=NOW - timedelta(seconds=960)),
    "from the future": "Bearer " + token(now=NOW + timedelta(hours=2)),
    "other issuer": "Bearer " + token(issuer="somebody"),
    "other audience": "Bearer " + token(audience="something"),
    "too long a life": "Bearer " + token(lifetime_seconds=86_401),
    "endless": signed(exp=1e300),
    "no exp": signed(exp=None),
    "no iat": signed(iat=None),
    "no sub": signed(sub=None),
    "no iss": signed(iss=None),
    "no aud": signed(aud=None),
    "user is no UUID": signed(sub="bob"),
    "tenant is no UUID": signed(tenant="acme"),
    "unknown role": signed(role="root"),
    "venues are no list": signed(venues=str(THING)),
    "expiry is a text": signed(exp=str(int(NOW.timestamp()) + 7_200)),
    "start is a text": signed(nbf="0"),
    "start is a truth": signed(nbf=True),
    "two tenants": signed_text(json.dumps(claims())[:-1] + f', "tenant": "{THING}"}}'),
    "not in UTF-8": signed_text(json.dumps(claims()), "utf-16"),
    "padded": "Bearer " + token() + "=",
    "odd blank": "Bearer " + token() + "\x1f",
}


@pytest.mark.parametrize("authorization", BAD.values(), ids=BAD.keys())
def test_unbelievable_tokens_are_refused(authorization: str | None) -> None:
    """Whoever cannot be believed gets 401 with a challenge and reaches no use case."""
    world = World()
    response = world.post(PAYMENTS, purchase(), authorization=authorization)
    assert code(response) == (401, "AUTH_REQUIRED")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["title"] == "Authentication required"
    assert world.calls == 0


def test_leeway() -> None:
    """A token that expired 20 seconds ago is still believed, for clocks differ."""
    sent = "Bearer " + token(now=datetime.now(UTC) - timedelta(seconds=920))
    assert World().post(PAYMENTS, purchase(), authorization=sent).status_code == 201


def test_a_token_needs_a_tenant() -> None:
    """A genuine token without a tenant is refused with the rule book's words."""
    world = World()
    response = world.post(PAYMENTS, purchase(), authorization=signed(tenant=None))
    assert code(response) == (403, "TENANT_REQUIRED")
    assert response.json()["title"] == "Tenant context required"
    assert world.calls == 0


@pytest.mark.parametrize(
    "path", [PAYMENTS, f"{PAYMENTS}/{THING}/confirm", f"{PAYMENTS}/{THING}/cancel"]
)
@pytest.mark.parametrize("role", ["venue_manager", "support", "compliance", "admin"])
def test_only_customers_pay(role: str, path: str) -> None:
    """Payments are mutated by customers and by nobody else."""
    world = World()
    response = world.post(path, purchase(), authorization=f"Bearer {token(role=role)}")
    assert code(response) == (403, "FORBIDDEN")
    assert world.calls == 0


def test_compliance_asks_for_no_quotes() -> None:
    """Quotes are denied to roles that the endpoint does not name."""
    world = World()
    sent = f"Bearer {token(role='compliance')}"
    assert code(world.post("/api/v1/quotes", purchase(), authorization=sent)) == (403, "FORBIDDEN")
    assert world.calls == 0


def test_the_actor_is_what_the_token_says() -> None:
    """Tenant, user, role and venues come from the verified token."""
    world = World()
    sent = token(role="venue_manager", venues=[THING])
    assert world.get(f"{PAYMENTS}/{THING}", authorization=f"bearer {sent}").status_code == 200
    ((actor, payment_id),) = world.show_payment.calls
    assert payment_id == THING
    assert actor == Actor(
        tenant_id=TenantId(TENANT),
        user_id=UserId(USER),
        role=Role.VENUE_MANAGER,
        venues=frozenset({VenueId(THING)}),
    )


@pytest.mark.parametrize("path", [f"{PAYMENTS}/{THING}", f"/api/v1/orders/{THING}"])
def test_questions_need_a_token(path: str) -> None:
    """Payments and orders are shown to nobody unknown."""
    world = World()
    assert code(world.get(path, authorization="")) == (401, "AUTH_REQUIRED")
    assert world.calls == 0


@pytest.mark.parametrize("secret", ["", "short"])
def test_weak_secrets_are_refused(secret: str) -> None:
    """The application does not start with a JWT secret that can be guessed."""
    world = World(settings=Settings(jwt_secrets=(Secret(secret),)))
    with pytest.raises(InvalidInput, match="JWT_SECRET"):
        world.asgi()


def test_a_rotated_secret_is_believed_until_it_is_taken_out() -> None:
    """While both secrets are set, both are believed and the first signs; afterwards the new alone."""
    old, new = SETTINGS, attrs.evolve(SETTINGS, jwt_secrets=(Secret("n" * 40),))
    both = attrs.evolve(SETTINGS, jwt_secrets=(*new.jwt_secrets, *old.jwt_secrets))
    fresh = "Bearer " + jwt.encode(claims(), "n" * 40, "HS256")
    forged = "Bearer " + jwt.encode(claims(), "x" * 40, "HS256")
    for settings, believed in ((old, {signed()}), (both, {signed(), fresh}), (new, {fresh})):
        guard = Guard.of(settings)
        for bearer in (signed(), fresh, forged):
            scope = {"type": "http", "headers": [(b"authorization", bearer.encode())]}
            if bearer in believed:
                assert guard.actor(Request(scope)).tenant_id == TENANT
            else:
                with pytest.raises(Unauthenticated):
                    guard.actor(Request(scope))


@pytest.mark.parametrize("weak", [(), ("s" * 40, "short")])
def test_every_secret_must_be_strong(weak: tuple[str, ...]) -> None:
    """One guessable secret among several is refused, and so is none."""
    with pytest.raises(InvalidInput, match="JWT_SECRET"):
        Guard.of(Settings(jwt_secrets=tuple(map(Secret, weak))))


def test_a_believed_token_is_believed_until_it_expires() -> None:
    """A token that was verified once is checked for its expiry every time."""
    guard = Guard.of(SETTINGS)
    scope = {"type": "http", "headers": [(b"authorization", f"Bearer {token()}".encode())]}
    assert guard.actor(Request(scope)) is guard.actor(Request(scope))
    late = datetime.now(UTC).timestamp() + 931
    with (
        mock.patch("time.time", return_value=late),
        mock.patch.object(Guard, "_claims", side_effect=Unauthenticated) as verify,
        pytest.raises(Unauthenticated),
    ):
        guard.actor(Request(scope))
    assert verify.call_count == 1
