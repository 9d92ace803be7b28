"""Between Stripe's words and ours: plain objects in, facts and parameters out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ticketpay.domain.money import Currency, Money
from ticketpay.domain.money.errors import UnsupportedCurrency
from ticketpay.domain.payments import (
    ChargeRequest,
    Failure,
    PaymentMethod,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
)
from ticketpay.domain.refunds import DisputeState, Refund, RefundState
from ticketpay.ports.payments import DisputeNotice, RefundFact, RefundNotice

__all__ = [
    "PROVIDER",
    "charge_params",
    "dispute_notice_of",
    "fact_of",
    "is_about",
    "is_confirmable",
    "is_disputed",
    "method_params",
    "refund_fact_of",
    "refund_notice_of",
    "refund_params",
    "refunded_cents",
    "reserved",
    "withdrawn_cents",
]

PROVIDER: Final = "stripe"

_METHOD_TYPES: Final = {"card": "card", "ach": "us_bank_account"}

_REFUND_STATES: Final = {
    "pending": RefundState.PROCESSING,
    "requires_action": RefundState.PROCESSING,
    "succeeded": RefundState.COMPLETED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}

_WITH_METHOD: Final = (ProviderStatus.REQUIRES_PAYMENT_METHOD, ProviderStatus.REQUIRES_ACTION)

_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")

_RESERVED: Final = ("tenant_id", "payment_id", "refund_id")

METADATA_KEYS_MAX: Final = 50
"""Stripe's bound; ours come first, so a caller with 50 keys keeps all but its last ones there."""


def fact_of(
    intent: Mapping[str, Any], *, account: str, at: datetime, back_cents: int = 0
) -> ProviderFact:
    """The fact in an intent; ``at`` is the provider's time, kept in whole seconds.

    ``back_cents`` of its money went back, by refunds and disputes.

    Raises ``ValueError`` when it cannot be read (a field is missing or of the wrong type).
    """
    try:
        return _fact(intent, account, at, back_cents)
    except (AttributeError, LookupError, TypeError, UnsupportedCurrency) as error:
        raise ValueError(f"the intent cannot be read: {type(error).__name__} {error}") from error


def _fact(intent: Mapping[str, Any], account: str, at: datetime, back_cents: int) -> ProviderFact:
    currency = Currency.of(intent["currency"])
    status = str(intent["status"])
    names = reserved(intent)
    left = max(0, _cents(intent.get("amount_received") or 0) - back_cents)
    return ProviderFact(
        ref=ProviderRef(PROVIDER, account, intent.get("livemode") is True, _ident(intent)),
        status=_status(status),
        amount=Money(_cents(intent["amount"]), currency),
        received=Money(left, currency),
        occurred_at=at.astimezone(UTC).replace(microsecond=0),
        failure=_failure(intent.get("last_payment_error")),
        tenant_id=names["tenant_id"],
        payment_id=names["payment_id"],
        client_secret=intent.get("client_secret") or "",
        raw_status=status,
    )


def _cents(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"an amount is a {type(value).__name__}")
    return value


def _ident(shown: Mapping[str, Any]) -> str:
    ident = shown["id"]
    if not isinstance(ident, str) or not ident:
        raise TypeError("an id is not a text")
    return ident


def _status(text: str) -> ProviderStatus:
    try:
        return ProviderStatus(text)
    except ValueError:
        return ProviderStatus.UNKNOWN


def _failure(error: Mapping[str, Any] | None) -> Failure | None:
    if not error:
        return None
    code = error.get("code") or error.get("type") or "unknown"
    return Failure(code, error.get("decline_code") or "", error.get("message") or "")


def reserved(shown: Mapping[str, Any]) -> dict[str, str]:
    """The reserved metadata of an object: tenant, payment and refund, empty when absent."""
    metadata = shown.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    return {name: str(metadata.get(name) or "") for name in _RESERVED}


def is_about(shown: Mapping[str, Any], tenant_id: object, payment_id: object | None = None) -> bool:
    """Whether the metadata name this tenant and, if given, this payment."""
    names = reserved(shown)
    if names["tenant_id"] != str(tenant_id):
        return False
    return payment_id is None or names["payment_id"] == str(payment_id)


def is_disputed(intent: Mapping[str, Any]) -> bool:
    """Whether a bank has ever asked about an intent, from its expanded latest charge."""
    charge = intent.get("latest_charge")
    return isinstance(charge, Mapping) and charge.get("disputed") is True


def refunded_cents(intent: Mapping[str, Any]) -> int:
    """How many cents of an intent went back, from its expanded latest charge."""
    charge = intent.get("latest_charge")
    return _cents(charge.get("amount_refunded") or 0) if isinstance(charge, Mapping) else 0


def refund_fact_of(refund: Mapping[str, Any]) -> RefundFact:
    """The fact in a refund; a status that we do not know is still under way."""
    state = _REFUND_STATES.get(refund["status"] or "", RefundState.PROCESSING)
    return RefundFact(provider_refund_id=_ident(refund), state=state)


def refund_notice_of(refund: Mapping[str, Any], ref: ProviderRef) -> RefundNotice:
    """What an event says about a refund of ``ref``; raises ``ValueError`` when it cannot be read."""
    try:
        fact = refund_fact_of(refund)
        amount = Money(_cents(refund["amount"]), Currency.of(refund["currency"]))
    except (AttributeError, LookupError, TypeError, UnsupportedCurrency) as error:
        raise ValueError(f"the refund cannot be read: {type(error).__name__} {error}") from error
    return RefundNotice(
        ref=ref,
        provider_refund_id=fact.provider_refund_id,
        refund_id=reserved(refund)["refund_id"],
        state=fact.state,
        amount=amount,
    )


def dispute_notice_of(shown: Mapping[str, Any], ref: ProviderRef, event: str) -> DisputeNotice:
    """What the ``event`` ("created", "closed") says about a dispute of ``ref``.

    Raises ``ValueError`` when it cannot be read.
    """
    try:
        amount = Money(_cents(shown["amount"]), Currency.of(shown["currency"]))
        return DisputeNotice(
            ref=ref,
            provider_dispute_id=_ident(shown),
            state=_dispute_state(shown, event),
            amount=amount,
            fee_cents=sum(_cents(moved["fee"]) for moved in _moved(shown) if moved["amount"] < 0),
            reason=str(shown.get("reason") or "general"),
        )
    except (AttributeError, LookupError, TypeError, UnsupportedCurrency) as error:
        raise ValueError(f"the dispute cannot be read: {type(error).__name__} {error}") from error


def _dispute_state(shown: Mapping[str, Any], event: str) -> DisputeState:
    """How far its money has come: by what the balance says, by the event, last by the status.

    Of what came back in part, or was taken again, nothing counts as won: ``ledger verify`` tells of it.
    """
    away, status = withdrawn_cents(shown), shown["status"]
    withdrawn = event.startswith("funds_") or bool(_moved(shown))
    back = any(_cents(moved["amount"]) > 0 for moved in _moved(shown))
    if away <= 0 and (back or event == "funds_reinstated"):
        return DisputeState.WON
    if status == "lost":
        return DisputeState.LOST
    if withdrawn:
        return DisputeState.OPEN
    ended = status == "won" or status == "warning_closed"
    return DisputeState.CLOSED if ended else DisputeState.INQUIRY


def _moved(shown: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The movements of the balance that a dispute has caused so far."""
    moved: list[Mapping[str, Any]] = shown.get("balance_transactions") or []
    return moved


def withdrawn_cents(dispute: Mapping[str, Any]) -> int:
    """How many cents of a payment a dispute holds, without its fee."""
    return -sum(_cents(moved["amount"]) for moved in _moved(dispute))


def refund_params(refund: Refund) -> dict[str, Any]:
    """The parameters of a refund; a reason that Stripe does not know goes into the metadata (S24 D11)."""
    reason = refund.reason if refund.reason in _REASONS else _REASONS[-1]
    return {
        "payment_intent": refund.ref.object_id,
        "amount": refund.amount.cents,
        "reason": reason,
        "metadata": {
            "payment_id": str(refund.payment_id),
            "refund_id": str(refund.id),
            "reason": str(refund.reason),
        },
    }


def charge_params(request: ChargeRequest) -> dict[str, Any]:
    """The parameters that create and confirm an intent; reserved metadata win (S15 D4)."""
    ours = {
        "tenant_id": str(request.tenant_id),
        "payment_id": str(request.payment_id),
        "order_id": str(request.order_id),
    }
    return {
        "amount": request.amount.cents,
        "currency": request.amount.currency.code.lower(),
        "confirm": True,
        "capture_method": str(request.capture_method),
        "payment_method_types": [_METHOD_TYPES.get(request.method.type, request.method.type)],
        "metadata": dict(request.metadata[: METADATA_KEYS_MAX - len(ours)]) | ours,
        **method_params(request.method),
    }


def is_confirmable(status: ProviderStatus, method: PaymentMethod | None) -> bool:
    """Whether an intent can be confirmed: with another method, as long as it is open."""
    return status is ProviderStatus.REQUIRES_CONFIRMATION or (
        method is not None and status in _WITH_METHOD
    )


def method_params(method: PaymentMethod | None) -> dict[str, Any]:
    """A single-use token makes a payment method; anything else is the id of one."""
    if method is None:
        return {}
    given = method.token or method.method_id or ""
    if given.startswith("tok_"):
        return {"payment_method_data": {"type": "card", "card": {"token": given}}}
    return {"payment_method": given}
