"""What the SDK's errors mean to us: one table, and one place that translates.

Nothing happened: ``ProviderUnavailable``. Something may have happened: ``OutcomeUnknown``, which
is also the meaning of everything that is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import stripe
from stripe import oauth_error

from ticketpay.adapters.stripe.transport import NeverSent
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError
from ticketpay.domain.payments import Failure, PaymentDeclined, ProviderUnavailable

__all__ = ["MEANINGS", "failure_of", "meaning", "translated"]

_Meaning = Callable[[stripe.StripeError], TicketpayError]


def _text(error: stripe.StripeError) -> str:
    parts = (type(error).__name__, _code(error), error.request_id)
    return "the call to the provider: " + " ".join(str(part) for part in parts if part)


def _code(error: stripe.StripeError) -> str:
    return error.code or (error.error and error.error.code) or ""


def _nothing_happened(error: stripe.StripeError) -> TicketpayError:
    return ProviderUnavailable(_text(error))


def _unknown(error: stripe.StripeError) -> TicketpayError:
    return OutcomeUnknown(_text(error))


def _mismatch(error: stripe.StripeError) -> TicketpayError:
    """The key was used for another request: that one may have moved money."""
    return OutcomeUnknown(_text(error), code="IDEMPOTENCY_MISMATCH")


def _declined(error: stripe.StripeError) -> TicketpayError:
    return PaymentDeclined(failure_of(error))


def _refused(error: stripe.StripeError) -> TicketpayError:
    if _code(error) == "resource_missing":
        return NotFound(_text(error))
    return OutcomeUnknown(_text(error))


def _failed(error: stripe.StripeError) -> TicketpayError:
    if error.http_status == 409 and _code(error) == "idempotency_key_in_use":
        return ProviderUnavailable(_text(error), code="IDEMPOTENCY_KEY_IN_USE")
    return OutcomeUnknown(_text(error))


MEANINGS: Final[Mapping[type[stripe.StripeError], _Meaning]] = {
    NeverSent: _nothing_happened,
    stripe.AuthenticationError: _nothing_happened,
    stripe.PermissionError: _nothing_happened,
    stripe.RateLimitError: _nothing_happened,
    stripe.CardError: _declined,
    stripe.InvalidRequestError: _refused,
    stripe.APIError: _failed,
    stripe.IdempotencyError: _mismatch,
    stripe.APIConnectionError: _unknown,
    stripe.SignatureVerificationError: _unknown,
} | dict.fromkeys(
    (
        # Never the answer to a payment intent or a refund: not understood, hence unknown.
        stripe.StripeError,
        stripe.StripeErrorWithParamCode,
        stripe.AlreadyCanceledError,
        stripe.BlockedByStripeError,
        stripe.CannotProceedError,
        stripe.CapabilityNotEnabledError,
        stripe.ControlledByAlternateResourceError,
        stripe.FeatureNotEnabledError,
        stripe.FinancialAccountNotOpenError,
        stripe.FxQuoteNeedsRefreshError,
        stripe.InsufficientFundsError,
        stripe.InvalidPaymentMethodError,
        stripe.InvalidPayoutMethodError,
        stripe.InvalidVaultedCredentialError,
        stripe.NotCancelableError,
        stripe.QuotaExceededError,
        stripe.RecipientNotNotifiableError,
        stripe.TemporarySessionExpiredError,
        stripe.VerificationAttemptFailedError,
        stripe.VerificationExpiredError,
        stripe.VerificationNotInitiatedError,
        oauth_error.OAuthError,
        oauth_error.InvalidClientError,
        oauth_error.InvalidGrantError,
        oauth_error.InvalidRequestError,
        oauth_error.InvalidScopeError,
        oauth_error.UnsupportedGrantTypeError,
        oauth_error.UnsupportedResponseTypeError,
    ),
    _unknown,
)
"""Every error class of the SDK with its meaning; a test fails when one is missing."""


def failure_of(error: stripe.StripeError) -> Failure:
    """Why the provider refused, in its own codes."""
    decline_code = (error.error and error.error.decline_code) or ""
    code = _code(error) or "invalid_request"
    return Failure(code, decline_code, error.user_message or "")


def meaning(error: stripe.StripeError) -> TicketpayError:
    """The domain error for ``error``; a class that is not in the table is unknown."""
    return MEANINGS.get(type(error), _unknown)(error)


@contextmanager
def translated(but: tuple[type[stripe.StripeError], ...] = ()) -> Iterator[None]:
    """Raise domain errors instead of the SDK's, except those in ``but``.

    An answer that cannot be read is unknown.
    """
    try:
        yield
    except but:
        raise
    except stripe.StripeError as error:
        raise meaning(error) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise OutcomeUnknown(
            f"the provider's answer cannot be read ({type(error).__name__})"
        ) from error
