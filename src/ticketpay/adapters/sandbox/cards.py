"""A card is what a test payment method stands for: a brand and the fate of a payment with it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

import attrs

__all__ = [
    "APPROVED",
    "BY_NUMBER",
    "FAULTS",
    "PROCESSING",
    "PROCESSING_FAILS",
    "Card",
    "Fate",
    "by_name",
    "by_number",
]

Kind = Literal["approve", "decline", "authenticate", "process"]


@attrs.frozen(kw_only=True)
class Fate:
    """What becomes of a payment: approved, declined (why), or something first and `then`."""

    kind: Kind
    code: str = ""
    decline_code: str | None = None
    message: str = ""
    advice: str = "try_again_later"
    param: str | None = None
    then: Fate | None = None


@attrs.frozen(kw_only=True)
class Card:
    """A test card; `fault` names the fault that a confirmation with it meets.

    `at_once`: its money is available at once; `refund`: how its refunds go; `disputes`: what is
    opened after a payment, as pairs (is it only an inquiry, reason).
    """

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    country: str = "US"
    fate: Fate
    fault: str | None = None
    at_once: bool = False
    refund: str | None = None
    disputes: tuple[tuple[bool, str], ...] = ()


def _declined(
    decline_code: str, message: str = "Your card was declined.", advice: str = ""
) -> Fate:
    return Fate(
        kind="decline",
        code="card_declined",
        decline_code=decline_code,
        message=message,
        advice=advice or "try_again_later",
    )


def _refused(code: str, message: str, param: str | None = None) -> Fate:
    return Fate(kind="decline", code=code, message=message, param=param)


APPROVED: Final = Fate(kind="approve")
_GENERIC: Final = _declined("generic_decline")
_FUNDS: Final = _declined("insufficient_funds", "Your card has insufficient funds.")
_LOST: Final = _declined("lost_card", advice="do_not_try_again")
_STOLEN: Final = _declined("stolen_card", advice="do_not_try_again")
_FRAUD: Final = _declined("fraudulent", advice="do_not_try_again")
_LIVE: Final = _declined(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card.",
    "do_not_try_again",
)
_VELOCITY: Final = _declined("card_velocity_exceeded")
_EXPIRED: Final = _refused("expired_card", "Your card has expired.", "exp_month")
_CVC: Final = _refused("incorrect_cvc", "Your card's security code is incorrect.", "cvc")
_ERROR: Final = _refused(
    "processing_error", "An error occurred while processing your card. Try again in a little bit."
)
_NUMBER: Final = _refused("incorrect_number", "Your card number is incorrect.", "number")
_CHALLENGE: Final = Fate(kind="authenticate", then=APPROVED)
_CHALLENGE_DECLINED: Final = Fate(kind="authenticate", then=_GENERIC)
_CHALLENGE_FUNDS: Final = Fate(kind="authenticate", then=_FUNDS)
PROCESSING: Final = Fate(kind="process", then=APPROVED)
PROCESSING_FAILS: Final = Fate(kind="process", then=_GENERIC)

_NAMED: Final[dict[str, Card]] = {
    "visa": Card(fate=APPROVED),
    "visa_debit": Card(last4="5556", funding="debit", fate=APPROVED),
    "mastercard": Card(brand="mastercard", last4="4444", fate=APPROVED),
    "mastercard_debit": Card(brand="mastercard", last4="8210", funding="debit", fate=APPROVED),
    "mastercard_prepaid": Card(brand="mastercard", last4="5100", funding="prepaid", fate=APPROVED),
    "amex": Card(brand="amex", last4="0005", fate=APPROVED),
    "discover": Card(brand="discover", last4="1117", fate=APPROVED),
    "diners": Card(brand="diners", last4="0004", fate=APPROVED),
    "jcb": Card(brand="jcb", last4="0505", fate=APPROVED),
    "unionpay": Card(brand="unionpay", last4="0005", fate=APPROVED),
    "us": Card(fate=APPROVED),
    "at": Card(last4="0008", country="AT", fate=APPROVED),
    "ch": Card(last4="0009", country="CH", fate=APPROVED),
    "de": Card(last4="0016", country="DE", fate=APPROVED),
    "fr": Card(last4="0003", country="FR", fate=APPROVED),
    "gb": Card(last4="0000", country="GB", fate=APPROVED),
    "chargeDeclined": Card(last4="0002", fate=_GENERIC),
    "chargeDeclinedInsufficientFunds": Card(last4="9995", fate=_FUNDS),
    "chargeDeclinedLostCard": Card(last4="9987", fate=_LOST),
    "chargeDeclinedStolenCard": Card(last4="9979", fate=_STOLEN),
    "chargeDeclinedExpiredCard": Card(last4="0069", fate=_EXPIRED),
    "chargeDeclinedIncorrectCvc": Card(last4="0127", fate=_CVC),
    "chargeDeclinedProcessingError": Card(last4="0119", fate=_ERROR),
    "chargeDeclinedFraudulent": Card(last4="0019", fate=_FRAUD),
    "chargeDeclinedVelocityLimitExceeded": Card(last4="6975", fate=_VELOCITY),
    "chargeCustomerFail": Card(last4="0341", fate=_GENERIC),
    "bypassPending": Card(last4="0077", fate=APPROVED, at_once=True),
    "bypassPendingInternational": Card(last4="0278", country="BR", fate=APPROVED, at_once=True),
    "pendingRefund": Card(last4="7726", fate=APPROVED, refund="pending"),
    "refundFail": Card(last4="5126", fate=APPROVED, refund="fails_later"),
    "createDispute": Card(last4="0259", fate=APPROVED, disputes=((False, "fraudulent"),)),
    "createDisputeProductNotReceived": Card(
        last4="2685", fate=APPROVED, disputes=((False, "product_not_received"),)
    ),
    "createDisputeInquiry": Card(last4="1976", fate=APPROVED, disputes=((True, "fraudulent"),)),
    "createMultipleDisputes": Card(
        last4="0079", fate=APPROVED, disputes=((False, "fraudulent"), (False, "fraudulent"))
    ),
    "authenticationRequired": Card(last4="3184", country="IE", fate=_CHALLENGE),
    "authenticationRequiredOnSetup": Card(last4="3155", country="IE", fate=_CHALLENGE),
    "threeDSecure2Required": Card(last4="3220", country="IE", fate=_CHALLENGE),
    "threeDSecureRequired": Card(last4="3063", fate=_CHALLENGE),
    "threeDSecureRequiredChargeDeclined": Card(last4="1629", fate=_CHALLENGE_DECLINED),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        last4="3178", country="IE", fate=_CHALLENGE_FUNDS
    ),
}

FAULTS: Final = (
    "timeout_before",
    "timeout_after",
    "error_500_before",
    "error_500_after",
    "slow",
    "rate_limited",
)

_SANDBOX: Final[dict[str, Card]] = {
    "processing": Card(fate=PROCESSING),
    "processing_fails": Card(fate=PROCESSING_FAILS),
} | {name: Card(fate=APPROVED, fault=name) for name in FAULTS}

BY_NUMBER: Final[dict[str, Card]] = {
    "4242424242424242": _NAMED["visa"],
    "4000056655665556": _NAMED["visa_debit"],
    "5555555555554444": _NAMED["mastercard"],
    "5200828282828210": _NAMED["mastercard_debit"],
    "378282246310005": _NAMED["amex"],
    "6011111111111117": _NAMED["discover"],
    "4000000400000008": _NAMED["at"],
    "4000002760000016": _NAMED["de"],
    "4000007560000009": _NAMED["ch"],
    "4000000000000077": _NAMED["bypassPending"],
    "4000003720000278": _NAMED["bypassPendingInternational"],
    "4000000000007726": _NAMED["pendingRefund"],
    "4000000000005126": _NAMED["refundFail"],
    "4000000000000259": _NAMED["createDispute"],
    "4000000000002685": _NAMED["createDisputeProductNotReceived"],
    "4000000000001976": _NAMED["createDisputeInquiry"],
    "4000000404000079": _NAMED["createMultipleDisputes"],
    "4000000000000002": _NAMED["chargeDeclined"],
    "4000000000009995": _NAMED["chargeDeclinedInsufficientFunds"],
    "4000000000009987": _NAMED["chargeDeclinedLostCard"],
    "4000000000009979": _NAMED["chargeDeclinedStolenCard"],
    "4000000000000069": _NAMED["chargeDeclinedExpiredCard"],
    "4000000000000127": _NAMED["chargeDeclinedIncorrectCvc"],
    "4000000000000119": _NAMED["chargeDeclinedProcessingError"],
    "4000000000006975": _NAMED["chargeDeclinedVelocityLimitExceeded"],
    "4000002500003155": _NAMED["authenticationRequiredOnSetup"],
    "4000002760003184": _NAMED["authenticationRequired"],
    "4000000000003220": _NAMED["threeDSecure2Required"],
    "4000000000003063": _NAMED["threeDSecureRequired"],
    "4000008400001629": _NAMED["threeDSecureRequiredChargeDeclined"],
    "4000008260003178": _NAMED["authenticationRequiredChargeDeclinedInsufficientFunds"],
}

_NAME: Final = re.compile(r"(?:pm_card|tok)_(?:visa_(?=charge))?(\w+)")


@lru_cache(maxsize=256)
def by_name(name: str) -> Card | None:
    """The card behind `pm_card_visa`, `tok_visa` or `pm_sandbox_slow`; None when unknown."""
    if name.startswith("pm_sandbox_"):
        return _SANDBOX.get(name[11:])
    match = _NAME.fullmatch(name)
    return _NAMED.get(match[1]) if match else None


def by_number(number: str) -> Card:
    """The card with this number; one that is no test card is declined."""
    known = BY_NUMBER.get(number)
    if known is not None:
        return known
    return Card(last4=number[-4:], fate=_LIVE if _luhn(number) else _NUMBER)


def _luhn(number: str) -> bool:
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (doubled + sum(int(digit) for digit in number[-1::-2])) % 10 == 0
