"""Bearer tokens, against a verifier that knows one algorithm, one issuer and one audience (S08)."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import attrs
import jwt.api_jwt
import pytest
from starlette.requests import Request

from tests.entrypoints.http.driving import SECRET, SETTINGS, TENANT, THING, USER
from tests.fuzz import strict_json
from tests.fuzz.driving import Dice, fuzzed
from ticketpay.domain.kernel.errors import Unauthenticated
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId
from ticketpay.domain.parties import Actor, Role
from ticketpay.entrypoints.http import auth
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.errors import TenantRequired

NOW = 1_800_000_000
ISSUER, AUDIENCE = SETTINGS.jwt_issuer, SETTINGS.jwt_audience


class Clock(datetime):
    """The time as PyJWT asks for it; ``at`` is Unix seconds."""

    at = float(NOW)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls.fromtimestamp(cls.at, tz)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One clock for PyJWT and for what the guard remembers."""
    monkeypatch.setattr(jwt.api_jwt, "datetime", Clock)
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: Clock.at))
    yield
    Clock.at = float(NOW)


# The reference ---------------------------------------------------------------------------------


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(text: str, secret: str = SECRET, digest: str = "sha256") -> str:
    return b64(hmac.new(secret.encode(), text.encode(), digest).digest())


def believed(sent: list[str], now: float) -> Actor | str:
    """The actor, or the code of the refusal: RFC 6750, 7515 and 7519 in their strictest reading."""
    token = (
        re.fullmatch(r"bearer +([\w.-]+) *", sent[0], re.IGNORECASE | re.ASCII)
        if len(sent) == 1
        else None
    )
    claims = _signed(token[1]) if token and len(token[1]) <= 4_096 else None
    if claims is None or not (_in_time(claims, now) and _for_us(claims)):
        return "AUTH_REQUIRED"
    if claims.get("tenant") in (None, ""):
        return "TENANT_REQUIRED"
    venues = claims.get("venues", [])
    ids = [claims["tenant"], claims["sub"], *(venues if isinstance(venues, list) else [None])]
    if not all(map(_is_uuid, ids)) or claims.get("role") not in [str(role) for role in Role]:
        return "AUTH_REQUIRED"
    tenant, user, *places = map(UUID, ids)
    role, among = Role(claims["role"]), frozenset(map(VenueId, places))
    return Actor(tenant_id=TenantId(tenant), user_id=UserId(user), role=role, venues=among)


def _signed(token: str) -> dict[str, Any] | None:
    """The claims of three segments that we signed; PyJWT takes padded ones too."""
    head, *rest = token.split(".")
    if len(rest) != 2 or sign(f"{head}.{rest[0]}") != rest[1]:
        return None
    header, claims = _members(head), _members(rest[0])
    if header is None or header.get("alg") != "HS256" or "crit" in header:
        return None
    odd = not isinstance(header.get("kid", ""), str) or header.get("b64") is False
    return None if odd else claims


def _members(segment: str) -> dict[str, Any] | None:
    """The members of a strict JSON object."""
    try:
        raw = base64.urlsafe_b64decode(segment + "==")
        found = strict_json.read(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) and b64(raw) == segment else None


def _in_time(claims: dict[str, Any], now: float) -> bool:
    """Thirty seconds of leeway on each side, and a life of a day at most."""
    dates = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    if any(type(date) not in (int, float) or abs(date) > 1e18 for date in dates):
        return False
    expires, issued, begins = map(int, dates)
    latest = max(issued, begins)
    return latest - 30 <= now < expires + 30 and 0 < expires - issued <= 86_400


def _for_us(claims: dict[str, Any]) -> bool:
    to = claims.get("aud")
    among = to if isinstance(to, list) else [to]
    texts = [*among, claims.get("sub"), claims.get("jti", "")]
    known = claims.get("iss") == ISSUER and AUDIENCE in among
    return known and all(isinstance(text, str) for text in texts)


def _is_uuid(value: object) -> bool:
    shape = "-".join(f"[0-9a-fA-F]{{{size}}}" for size in (8, 4, 4, 4, 12))
    return isinstance(value, str) and re.fullmatch(shape, value) is not None


# The cases -------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": str(USER),
    "tenant": str(TENANT),
    "role": "customer",
    "iat": NOW - 100,
    "exp": NOW + 800,
}
GONE: Any = object()
DATES = (
    *(NOW + step for step in (-900, -31, -30, -29, 0, 29, 30, 31, 86_300, 86_301)),
    *(GONE, None, True, str(NOW), f"{NOW:_}", NOW + 0.5, NOW - 29.5, 1e300, -1, 10**400, [NOW]),
    *(float("nan"), float("inf"), "\uff11", {}),
)
TEXTS: tuple[Any, ...] = (
    "",
    GONE,
    None,
    7,
    [],
    {},
    True,
    "a\x00",
    "\ud800",
    [[]],
    {"a": 1},
    "x" * 5_000,
)
UUIDS = (
    *(str(THING), str(THING).upper(), f"{{{THING}}}", f"urn:uuid:{THING}", THING.hex),
    *(f" {THING}", f"{THING}\n", str(THING)[:-1], str(THING).replace("0", "\uff10"), *TEXTS),
)
CLAIMS: dict[str, tuple[Any, ...]] = {
    "exp": DATES,
    "iat": DATES,
    "nbf": DATES,
    "iss": (*TEXTS, ISSUER.upper(), ISSUER + " ", [ISSUER]),
    "aud": (*TEXTS, [AUDIENCE], [AUDIENCE, "b"], [AUDIENCE, 7], ["b"], AUDIENCE + "x", [None]),
    "sub": UUIDS,
    "tenant": UUIDS,
    "role": (*Role, *TEXTS, "root", "CUSTOMER", ["customer"]),
    "venues": ([], [str(THING)], str(THING), [str(THING)] * 2, [None], [THING.hex], *TEXTS),
    "jti": ("a", *TEXTS),
    "other": (*TEXTS, 1.5, {"tenant": "x"}),
}
HEADERS: tuple[Any, ...] = (
    {"alg": "HS256"},
    {"typ": "at+jwt", "alg": "HS256", "kid": "1", "jku": "http://localhost"},
    *({"alg": alg} for alg in ("none", "None", "", "hs256", "HS512", "RS256", None, ["HS256"], 1)),
    {"alg": "HS256", "kid": 7},
    {"alg": "HS256", "crit": []},
    {"alg": "HS256", "crit": ["exp"], "exp": 1},
    {"alg": "HS256", "crit": None},
    {"alg": "HS256", "b64": False},
    *({}, [], "HS256", None, 256),
)
SECRETS = (SECRET[::-1], SECRET[:-1], SECRET + " ", SECRET.upper(), "", "\x00")


@attrs.frozen
class Visit:
    """The Authorization headers of a request, when it comes, and when it comes again."""

    sent: list[str]
    at: float
    again: float


def visit(dice: Dice) -> Visit:
    """A request whose token is good, or is odd in one way or several."""
    token = _token(dice)
    if dice.one_in(5):
        token = dice.edited(token)
    scheme = dice.pick(["Bearer", "bearer", "BEARER", "Basic", "Bearer\t", ""])
    if not dice.one_in(8):
        scheme = "Bearer"
    blank = dice.pick([" ", "  ", "\t", "", "\xa0", "\x1f"]) if dice.one_in(8) else " "
    tail = dice.pick([" ", "\t", "\xa0", "\n", ","]) if dice.one_in(8) else ""
    count = dice.pick([0, 2, 2]) if dice.one_in(15) else 1
    text = f"{scheme}{blank}{token}{tail}".encode("latin-1", "replace").decode("latin-1")
    at = NOW + dice.pick([0, 0, 0.5])
    return Visit([text] * count, at, at + dice.pick([0, 1, 1, 2, 800, 829, 829, 830, 831, 90_000]))


def _token(dice: Dice) -> str:
    header = dice.pick(HEADERS) if dice.one_in(5) else {"alg": "HS256", "typ": "JWT"}
    head, body = b64(json.dumps(header).encode()), b64(_payload(dice))
    secret = dice.pick(SECRETS) if dice.one_in(8) else SECRET
    digest = dice.pick(["sha512", "sha384", "sha1"]) if dice.one_in(10) else "sha256"
    good = f"{head}.{body}.{sign(f'{head}.{body}', secret, digest)}"
    cut = (f"{head}.{body}.", f"{head}.{body}", f"{good}.{body}", "." + good)
    padded = (good + "=", good + "==", _joined(head, body + "="), _joined(head + "=", body))
    forged = (good[:-1] + _neighbour(good[-1]), b64(b"{}") + good[good.index(".") :])
    return dice.pick((*cut, *padded, *forged)) if dice.one_in(8) else good


def _joined(head: str, body: str) -> str:
    return f"{head}.{body}.{sign(f'{head}.{body}')}"


def _neighbour(letter: str) -> str:
    """Another last letter of a signature that stands for the same bytes."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return digits[digits.index(letter) ^ 1] if letter in digits else letter


def _payload(dice: Dice) -> bytes:
    claims = dict(GOOD)
    for _ in range(dice.pick([0, 0, 1, 1, 2])):
        name = dice.pick(list(CLAIMS))
        claims[name] = dice.pick(CLAIMS[name])
    text = json.dumps({name: value for name, value in claims.items() if value is not GONE})
    twin = text[:-1] + f', "tenant": "{THING}"}}'
    deep = text.replace("{", '{"deep": ' + "[" * 40 + "]" * 40 + ", ", 1)
    around = (text + " ", f"[{text}]", text[:-1], text + "0", "\ufeff" + text)
    odd = (twin, deep, *around, "null", "[" * 1_500)
    if dice.one_in(25):
        return text.encode("utf-16")
    return (dice.pick(odd) if dice.one_in(10) else text).encode("utf-8", "surrogatepass")


def ask(guard: Guard, sent: list[str], at: float) -> Actor | str:
    """What the guard says at a time."""
    Clock.at = at
    headers = [(b"authorization", text.encode("latin-1")) for text in sent]
    try:
        return guard.actor(Request({"type": "http", "headers": headers}))
    except (Unauthenticated, TenantRequired) as error:
        return error.error_code


@pytest.mark.spec("S08")
@fuzzed(visit)
def test_only_a_good_token_makes_an_actor(request: Visit) -> bool:
    """A token is believed exactly when it is ours, for us and in time, and is one actor then."""
    guard = Guard((SECRET,), ISSUER, AUDIENCE)
    first = ask(guard, request.sent, request.at)
    assert first == believed(request.sent, request.at)
    assert ask(guard, request.sent, request.at) == first
    return isinstance(first, Actor)


@pytest.mark.spec("S08")
@fuzzed(visit)
def test_what_is_remembered_is_not_believed_for_longer(request: Visit) -> bool:
    """A guard that has seen a token says later exactly what one says that sees it then."""
    guard = Guard((SECRET,), ISSUER, AUDIENCE)
    ask(guard, request.sent, request.at)
    later = ask(guard, request.sent, request.again)
    assert later == believed(request.sent, request.again)
    return isinstance(later, Actor)
