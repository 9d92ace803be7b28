"""Signatures of internal calls: what we send, and what the ticket service believes (S41)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from uuid import UUID

import attrs
import pytest

from tests.fuzz.driving import Dice, fuzzed
from ticketpay.domain.messaging.signing import compact_json, sign
from ticketpay.entrypoints.ticket_stub import TicketDesk

SECRET, FORGED = "test-secret", "test-secrets"
NOW_MS = 1_800_000_000_000
PATH = "/api/v1/webhooks/payment-failed"
PATHS = (PATH, "/api/v1/webhooks/payment-confirmed")
OFFSETS = (0, 0, 0, 0, -300_001, -300_000, -299_999, 299_999, 300_000, 300_001, 10**15)
NONCES = ("018f0000-0000-7000-8000-00000000000a", "018f0000-0000-7000-8000-00000000000b")
_NONCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BODY = b'{"orderId":"order-1","ticketQuantity":2}'
_ODD_BODIES = (b"", b"[]", b'"', b"\xff", b"[" * 9_000, b'{"orderId":"\\ud800","ticketQuantity":1}')


def digest(secret: str, stamp: str, nonce: str, body: bytes) -> str:
    """S41: the hex HMAC-SHA256 of the time (ms), the nonce and the body, with dots between."""
    text = stamp.encode() + b"." + nonce.encode() + b"." + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


@attrs.frozen
class Call:
    """The path, the headers and the body of one call."""

    stamp: str
    nonce: str
    signature: str
    body: bytes = _BODY
    path: str = PATH

    @property
    def headers(self) -> dict[str, str]:
        return {
            "x-webhook-timestamp": self.stamp,
            "x-webhook-nonce": self.nonce,
            "x-internal-signature": self.signature,
            "x-idempotency-key": f"payment-{self.nonce}",
        }


def believed(calls: tuple[Call, ...]) -> Iterator[bool]:
    """The reference: plain digits, a nonce in its one spelling and new, the very bytes signed."""
    seen: set[str] = set()
    for call in calls:
        plain = re.fullmatch("[1-9][0-9]{0,14}", call.stamp) and _NONCE.fullmatch(call.nonce)
        good = plain and -300_000 <= NOW_MS - int(call.stamp) <= 300_000
        ours = call.signature == digest(SECRET, call.stamp, call.nonce, call.body)
        yield bool(good and ours and call.nonce not in seen)
        if good and ours:
            seen.add(call.nonce)


def calls(dice: Dice) -> tuple[Call, ...]:
    """One to three calls, some with the nonce of the one before in the same or another dress."""
    return tuple(_call(dice) for _ in range(1 + dice.below(3)))


def _call(dice: Dice) -> Call:
    stamp, nonce = str(NOW_MS + dice.pick(OFFSETS)), dice.pick(NONCES)
    sent_stamp, sent_nonce = _stamp(dice, stamp), _nonce(dice, nonce)
    signed = (sent_stamp, sent_nonce) if dice.below(2) else (stamp, nonce)
    secret = FORGED if dice.one_in(8) else SECRET
    body = dice.pick([_BODY, _BODY, _BODY, dice.raw(8), *_ODD_BODIES])
    signature = digest(secret, *signed, body)
    edited = dice.edited(signature) if dice.one_in(5) else signature
    body = body + b" " if dice.one_in(10) else body
    return Call(sent_stamp, sent_nonce, edited, body, dice.pick(PATHS))


def _stamp(dice: Dice, good: str) -> str:
    odd = ("+" + good, " " + good, good + "\n", "0" + good, good[0] + "_" + good[1:], good + ".0")
    long = ("9" * 400, "9" * 5_000)
    rest = ("", "now", "-" + good, "\uff11" + good[1:])
    return dice.pick((*odd, *long, *rest)) if dice.one_in(5) else good


def _nonce(dice: Dice, good: str) -> str:
    odd = (good.upper(), f"{{{good}}}", f"urn:uuid:{good}", good.replace("-", ""), good + "\n", "")
    return dice.pick((*odd, dice.edited(good))) if dice.one_in(3) else good


@pytest.mark.spec("S41")
@fuzzed(calls)
def test_only_what_we_signed_is_believed_once(sent: tuple[Call, ...]) -> bool:
    """A call is believed exactly when its bytes, time and nonce are signed, near now, and new."""
    desk = TicketDesk(SECRET, now=lambda: NOW_MS / 1_000)
    statuses = [desk.handle("POST", call.path, call.headers, call.body).status for call in sent]
    assert [status != 401 for status in statuses] == list(believed(sent))
    assert set(statuses) <= {200, 400, 401}
    return statuses[-1] != 401


@attrs.frozen
class Sent:
    """What the outbound adapter would send, and whether it arrives as it was sent."""

    body: Mapping[str, object]
    secret: str
    tampered: bool


def sent(dice: Dice) -> Sent:
    """A message with odd texts; one in three is signed by a stranger or changed on its way."""
    text, key = dice.text(6), dice.text(4)
    body = {"orderId": text, key: {text: dice.below(2**16)}}
    return Sent(body, FORGED if dice.one_in(4) else SECRET, dice.one_in(4))


@pytest.mark.spec("S41")
@fuzzed(sent)
def test_what_we_send_is_believed(call: Sent) -> bool:
    """Our signature is the scheme's over our compact JSON, which reads as what was meant."""
    raw = compact_json(call.body)
    assert json.loads(raw) == call.body
    assert not re.search(rb"\s", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", raw))
    signature = sign(call.secret, NOW_MS, UUID(NONCES[0]), raw)
    assert signature == digest(call.secret, str(NOW_MS), NONCES[0], raw)
    headers = Call(str(NOW_MS), NONCES[0], signature).headers
    desk = TicketDesk(SECRET, now=lambda: NOW_MS / 1_000)
    reply = desk.handle("POST", PATH, headers, raw + b" " if call.tampered else raw)
    assert reply.status in (200, 400, 401)
    assert (reply.status != 401) == (call.secret == SECRET and not call.tampered)
    return reply.status != 401
