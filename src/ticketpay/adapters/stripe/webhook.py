"""Webhooks: believe the signature over the raw bytes first, read the JSON afterwards (S14, S26)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from ticketpay.adapters.stripe.billing import plan_details
from ticketpay.adapters.stripe.mapping import (
    PROVIDER,
    dispute_notice_of,
    fact_of,
    refund_notice_of,
    reserved,
)
from ticketpay.domain.messaging import InboxStatus, StoredEvent, TimerKind
from ticketpay.domain.payments import ProviderFact, ProviderRef, SignatureInvalid
from ticketpay.ports.payments import DisputeNotice, RefundNotice, Reminder

__all__ = ["DISPUTES", "PAYOUTS", "PLANS", "REFUNDS", "SUPPORTED", "StripeWebhooks"]

REFUNDS: Final = frozenset(
    {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}
)
"""Every one is only a reason to look at the refund that it carries (field notes 3.1)."""

DISPUTES: Final = frozenset(
    f"charge.dispute.{name}"
    for name in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")
)
"""The same: what has become of the money is in the dispute (field notes 3.4)."""

PLANS: Final = frozenset(
    (
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
    )
)
"""Every one is only a reason to ask how the subscription is."""

PAYOUTS: Final = frozenset(
    f"payout.{name}" for name in ("canceled", "created", "failed", "paid", "updated")
)
"""The same about a payout from the account of a venue."""

SUPPORTED: Final = (
    REFUNDS
    | DISPUTES
    | PLANS
    | PAYOUTS
    | frozenset(
        f"payment_intent.{name}"
        for name in (
            "amount_capturable_updated",
            "canceled",
            "created",
            "payment_failed",
            "processing",
            "requires_action",
            "succeeded",
        )
    )
)

_NEEDED: Final = ("id", "amount", "currency", "status")
_NEEDED_OF_REFUND: Final = ("id", "amount", "currency")
"""A refund's status may be null: then it is still under way."""

_HEADER_MAX: Final = 4_096
_TEXT_MAX: Final = 255


def _no_blank(_: object, __: object, secrets: tuple[str, ...]) -> None:
    if not all(secret.strip() for secret in secrets):
        raise ValueError("a webhook secret is blank: anybody could sign with it")


@attrs.frozen
class StripeWebhooks:
    """``WebhookReader`` with one or more secrets, so that they can be rotated.

    ``tolerance_seconds`` holds in both directions. Without any secret everything is refused.
    """

    _secrets: tuple[str, ...] = attrs.field(repr=False, validator=_no_blank)
    _tolerance_seconds: int = 300
    _account: str = ""

    def verify(self, raw: bytes, signature: str, now: datetime) -> StoredEvent:
        """Check ``signature`` (the ``Stripe-Signature`` header) and read the envelope.

        Raises ``SignatureInvalid`` and nothing else.
        """
        stamp, given = _parse_header(signature)
        self._check_genuine(stamp, given, raw)
        if abs(now.timestamp() - int(stamp)) > self._tolerance_seconds:
            raise SignatureInvalid("the signature's time is too far from now")
        event = _object(raw)
        shown = _snapshot(event)
        names = reserved(_named(event, shown))
        return StoredEvent(
            provider=PROVIDER,
            account=_plain(event.get("account")) or self._account,
            event_id=_plain(event.get("id")) or hashlib.sha256(raw).hexdigest(),
            event_type=_plain(event.get("type")) or "unknown",
            object_id=_plain(shown.get("payment_intent" if _has_intent(event) else "id")),
            tenant_id=_plain(names["tenant_id"]),
            payment_id=_plain(names["payment_id"]),
            payload=raw,
            signature=signature,
            status=_status(event, shown) if self._is_ours(event) else InboxStatus.UNSUPPORTED,
            received_at=now,
        )

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        """Metadata are no proof: an account of a venue tells of payouts, and of nothing else."""
        account = _plain(event.get("account")) or self._account
        return account == self._account or _plain(event.get("type")) in PAYOUTS

    def fact(self, event: StoredEvent) -> ProviderFact:
        """The snapshot in the event, dated by the event; raises ``ValueError``."""
        envelope = _object(event.payload)
        created = envelope.get("created")
        if type(created) is not int or not 0 <= created < 2**33:
            raise ValueError(f"event {event.event_id} has no time")
        at = datetime.fromtimestamp(created, UTC)
        return fact_of(_snapshot(envelope), account=event.account, at=at)

    def refund(self, event: StoredEvent) -> RefundNotice | None:
        """The refund in the event, by its intent; raises ``ValueError``."""
        if event.event_type not in REFUNDS:
            return None
        ref = ProviderRef(event.provider, event.account, livemode=False, object_id=event.object_id)
        return refund_notice_of(_snapshot(_object(event.payload)), ref)

    def dispute(self, event: StoredEvent) -> DisputeNotice | None:
        """The dispute in the event, by its intent; raises ``ValueError``."""
        if event.event_type not in DISPUTES:
            return None
        ref = ProviderRef(event.provider, event.account, livemode=False, object_id=event.object_id)
        shown = _snapshot(_object(event.payload))
        return dispute_notice_of(shown, ref, event.event_type.rpartition(".")[2])

    def reminder(self, event: StoredEvent) -> Reminder | None:
        """The venue in the metadata of a subscription or of its invoice, the payout in a payout's."""
        kinds = ((PLANS, TimerKind.SUBSCRIPTION), (PAYOUTS, TimerKind.PAYOUT))
        kind = next((kind for names, kind in kinds if event.event_type in names), None)
        if kind is None:
            return None
        names = _names(_object(event.payload))
        subject = "venue_id" if kind is TimerKind.SUBSCRIPTION else "payout_id"
        tenant = _plain(names.get("tenant_id"))
        return Reminder(kind=kind, tenant_id=tenant, subject_id=_plain(names.get(subject)))

    def _check_genuine(self, stamp: str, given: list[bytes], raw: bytes) -> None:
        """Compare every secret with every signature, always all of them, in constant time."""
        text = f"{stamp}.".encode() + raw
        genuine = False
        for secret in self._secrets:
            ours = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest().encode()
            for theirs in given:
                genuine |= hmac.compare_digest(ours, theirs)
        if not genuine:
            raise SignatureInvalid("no signature matches")


def _parse_header(header: str) -> tuple[str, list[bytes]]:
    """The time and the ``v1`` signatures of ``t=1,v1=ab, v1=cd``, blanks as HTTP knows them."""
    if not header or len(header) > _HEADER_MAX:
        raise SignatureInvalid("the signature is missing or too long")
    pairs = [part.strip(" \t").partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    given = [value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"]
    if len(stamps) != 1 or not given:
        raise SignatureInvalid("the signature is malformed")
    stamp = stamps[0]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SignatureInvalid("the signature's time is malformed")
    return stamp, given


def _object(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in ``raw``, an empty one when there is none."""
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _snapshot(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    shown = data.get("object") if isinstance(data, dict) else None
    return shown if isinstance(shown, dict) else {}


def _named(event: Mapping[str, Any], shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """What carries our names: an invoice has those of its subscription."""
    if _plain(event.get("type")).startswith("invoice."):
        return {"metadata": plan_details(shown)}
    return shown


def _names(event: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = _named(event, _snapshot(event)).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _of_an_invoice(kind: str, shown: Mapping[str, Any]) -> bool:
    """Whether it is what an invoice is paid with: it has a customer, and none of our names."""
    names = reserved(shown)
    ours = names["tenant_id"] or names["payment_id"]
    return kind.startswith("payment_intent.") and bool(shown.get("customer")) and not ours


def _has_intent(event: Mapping[str, Any]) -> bool:
    """Whether the object is about an intent, and is none."""
    return _plain(event.get("type")) in REFUNDS | DISPUTES


def _plain(value: object) -> str:
    """``value`` if it is a text that any store can hold, else nothing."""
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        return ""
    return value if value.isascii() and value.isprintable() else ""


def _status(event: Mapping[str, Any], shown: Mapping[str, Any]) -> InboxStatus:
    """S14: what is structurally wrong is invalid; what nobody handles is unsupported."""
    kind = _plain(event.get("type"))
    if not (_plain(event.get("id")) and kind and shown):
        return InboxStatus.INVALID
    if kind in PLANS:
        return InboxStatus.RECEIVED
    if kind in PAYOUTS:
        # A venue may pay itself out from its account there: that is its own affair.
        return InboxStatus.RECEIVED if _names(event).get("payout_id") else InboxStatus.PROCESSED
    if _of_an_invoice(kind, shown):
        # The invoice tells it; there is nothing to do and nothing wrong.
        return InboxStatus.PROCESSED
    known = kind in SUPPORTED or kind.startswith("payment_intent.")
    needed = _NEEDED_OF_REFUND if kind in REFUNDS else _NEEDED
    if known and ("status" not in shown or any(shown.get(name) is None for name in needed)):
        return InboxStatus.INVALID
    if kind in REFUNDS | DISPUTES and not _plain(shown.get("payment_intent")):
        return InboxStatus.UNSUPPORTED
    return InboxStatus.RECEIVED if kind in SUPPORTED else InboxStatus.UNSUPPORTED
