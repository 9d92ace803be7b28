"""The ``Stripe-Signature`` header, against a reader of its own (S26)."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from tests.fuzz.driving import Dice, fuzzed
from ticketpay.adapters.stripe import StripeWebhooks
from ticketpay.domain.payments import SignatureInvalid

NOW = 1_769_860_800
SECRETS = ("whsec_one", "whsec_two", "wh\u00fcsec")
FORGED = "whsec_forged"
OFFSETS = (0, 0, 0, 0, -301, -300, -299, 299, 300, 301, 86_400)
EXTRA = ("v0=aa", "", "t", "v1", "t=", "v1=", "=", f"t={NOW}", "v1=" + "0" * 64, "v1 =a", "v2=x")


def digest(secret: str, stamp: str, raw: bytes) -> str:
    """Stripe's scheme: the hex HMAC-SHA256 of the time, a dot and the raw body."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()


@attrs.frozen
class Delivery:
    """What arrives, when, and which secrets the reader knows."""

    raw: bytes
    header: str
    now: datetime
    secrets: tuple[str, ...]


def genuine(sent: Delivery) -> bool:
    """The reference: exactly one time, in plain digits and near, and one good signature."""
    pairs = [part.strip(" \t").partition("=")[::2] for part in sent.header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    if len(sent.header) > 4_096 or len(times) != 1 or not re.fullmatch("[0-9]{1,12}", times[0]):
        return False
    age = sent.now - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=int(times[0]))
    if not timedelta(seconds=-300) <= age <= timedelta(seconds=300):
        return False
    good = {digest(secret, times[0], sent.raw) for secret in sent.secrets}
    return any(name == "v1" and value in good for name, value in pairs)


def delivery(dice: Dice) -> Delivery:
    """A delivery that is genuine, or lacks one thing or several."""
    raw, secrets = dice.raw(8), dice.shuffled(SECRETS)[: 1 + dice.below(3)]
    stamp = _stamp(dice, str(NOW + dice.pick(OFFSETS)))
    signer = dice.pick([*secrets, *secrets, *SECRETS, FORGED])
    parts = [f"t={stamp}", f"v1={_signature(dice, digest(signer, stamp, raw))}"]
    parts += dice.some(EXTRA, 1)
    if dice.one_in(3):
        parts = dice.shuffled(parts)
    if dice.one_in(6):
        parts = dice.some(parts, 4)
    header = dice.pick([",", ",", ", ", ",\t", ",\xa0"]).join(parts)
    header = header if dice.below(2) else dice.edited(header)
    if dice.one_in(30):
        header += "," * (4_096 - len(header) + dice.below(2))
    now = datetime.fromtimestamp(NOW, UTC) + timedelta(microseconds=dice.pick([0, 0, 1, 999_999]))
    return Delivery(raw, header, now, tuple(secrets))


def _stamp(dice: Dice, good: str) -> str:
    arabic = good.translate({ord("0") + digit: 0x660 + digit for digit in range(10)})
    odd = ("0" + good, "+" + good, good[0] + "_" + good[1:], good + ".0", good + "000", "", arabic)
    return dice.pick(odd) if dice.one_in(6) else good


def _signature(dice: Dice, good: str) -> str:
    odd = (good.upper(), good[:-1], good[:32], good + "0", good[::-1], "", "0x" + good, "0" * 64)
    return dice.pick(odd) if dice.one_in(6) else good


@pytest.mark.spec("S26")
@fuzzed(delivery)
def test_only_what_stripe_signed_is_believed(sent: Delivery) -> bool:
    """A header is believed exactly when one v1 signs its one time, near now, and the raw bytes."""
    try:
        stored = StripeWebhooks(sent.secrets).verify(sent.raw, sent.header, sent.now)
    except SignatureInvalid:
        assert not genuine(sent)
        return False
    assert genuine(sent)
    assert (stored.payload, stored.signature) == (sent.raw, sent.header)
    return True
