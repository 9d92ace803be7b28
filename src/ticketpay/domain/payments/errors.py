"""What can go wrong with a payment."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Rejected, Unauthenticated, Unavailable
from ticketpay.domain.payments.failure import Failure

__all__ = [
    "AmountRefused",
    "FactMismatch",
    "PaymentDeclined",
    "PaymentMethodUnsupported",
    "PaymentNotPayable",
    "ProviderUnavailable",
    "SignatureInvalid",
]


class PaymentDeclined(Rejected):
    """The issuer or the provider declined the payment."""

    code = "PAYMENT_DECLINED"
    title = "The payment was declined"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.code)
        self.failure = failure


class PaymentMethodUnsupported(Rejected):
    """PayPal and crypto are declared by the source and built by nobody (S12 D5)."""

    code = "PAYMENT_METHOD_UNSUPPORTED"
    title = "The payment method is not supported"


class PaymentNotPayable(Conflict):
    """The provider refused the charge and made no intent: there is nothing to be confirmed (S15)."""

    code = "PAYMENT_NOT_PAYABLE"
    title = "The payment cannot be paid any more"


class AmountRefused(Rejected):
    """The amount is zero, negative or over 99,999,999 cents (S13)."""

    code = "AMOUNT_REFUSED"
    title = "The amount cannot be charged"


class FactMismatch(Conflict):
    """The provider speaks of another amount, currency or intent: evidence is kept, nothing moves."""

    code = "PROVIDER_MISMATCH"
    title = "The provider's facts do not match the payment"


class ProviderUnavailable(Unavailable):
    """The provider is down or refuses for now; nothing was charged. Else it is ``OutcomeUnknown``."""

    code = "PROVIDER_UNAVAILABLE"
    title = "The payment provider is unavailable"


class SignatureInvalid(Unauthenticated):
    """A webhook's signature is missing, malformed, forged, stale or from the future (S26)."""

    code = "INVALID_SIGNATURE"
    title = "The signature is not valid"
