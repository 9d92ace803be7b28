"""An object is an immutable version of what the provider keeps; a change makes a new version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import attrs

from ticketpay.adapters.sandbox.cards import Card
from ticketpay.adapters.sandbox.response import Json, compact, mapping, text

__all__ = ["Charge", "Endpoint", "Intent", "PaymentMethod", "Status"]

Status = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
]


@attrs.frozen(kw_only=True, eq=False)
class PaymentMethod:
    """A test card as a payment method; `billing` is JSON text."""

    id: str
    created: int
    card: Card
    billing: str

    def json(self) -> str:
        """The JSON text of the object as the provider shows it."""
        return compact(self.render())

    def render(self) -> Json:
        """The object as the provider shows it."""
        card = self.card
        return {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": _loaded(self.billing),
            "card": {
                "brand": card.brand,
                "checks": _CHECKS,
                "country": card.country,
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": 2040,
                "fingerprint": None,
                "funding": card.funding,
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": self.created,
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
        }


@attrs.frozen(kw_only=True, eq=False)
class Intent:
    """One version of a payment intent; amounts in cents, times in Unix seconds."""

    id: str
    amount: int
    currency: str
    created: int
    client_secret: str
    status: Status
    capture_method: str
    payment_method_types: tuple[str, ...]
    automatic: Json | None
    metadata: Mapping[str, str]
    method: PaymentMethod | None = None
    amount_capturable: int = 0
    amount_received: int = 0
    application_fee_amount: int | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    customer: str | None = None
    description: str | None = None
    last_payment_error: Json | None = None
    latest_charge: str | None = None
    next_action: Json | None = None
    on_behalf_of: str | None = None
    receipt_email: str | None = None
    statement_descriptor_suffix: str | None = None
    transfer_data: Json | None = None
    transfer_group: str | None = None

    def json(self) -> str:
        """The JSON text of the object as the provider shows it."""
        method = "null" if self.method is None else f'"{self.method.id}"'
        types = ",".join([f'"{name}"' for name in self.payment_method_types])
        return (
            f'{{"id":"{self.id}","object":"payment_intent","amount":{self.amount},'
            f'"amount_capturable":{self.amount_capturable},"amount_details":{{"tip":{{}}}},'
            f'"amount_received":{self.amount_received},"application":null,'
            f'"application_fee_amount":{_number(self.application_fee_amount)},'
            f'"automatic_payment_methods":{compact(self.automatic)},'
            f'"canceled_at":{_number(self.canceled_at)},'
            f'"cancellation_reason":{text(self.cancellation_reason)},'
            f'"capture_method":"{self.capture_method}","client_secret":"{self.client_secret}",'
            f'"confirmation_method":"automatic","created":{self.created},'
            f'"currency":"{self.currency}","customer":{text(self.customer)},'
            f'"description":{text(self.description)},'
            f'"last_payment_error":{compact(self.last_payment_error)},'
            f'"latest_charge":{text(self.latest_charge)},"livemode":false,'
            f'"metadata":{mapping(self.metadata)},"next_action":{compact(self.next_action)},'
            f'"on_behalf_of":{text(self.on_behalf_of)},"payment_method":{method},'
            f'"payment_method_options":{_OPTIONS},"payment_method_types":[{types}],'
            f'"processing":null,"receipt_email":{text(self.receipt_email)},"review":null,'
            '"setup_future_usage":null,"shipping":null,"source":null,"statement_descriptor":null,'
            f'"statement_descriptor_suffix":{text(self.statement_descriptor_suffix)},'
            f'"status":"{self.status}","transfer_data":{compact(self.transfer_data)},'
            f'"transfer_group":{text(self.transfer_group)}}}'
        )

    def render(self) -> Json:
        """The object as the provider shows it."""
        return _loaded(self.json())


@attrs.frozen(kw_only=True, eq=False)
class Charge:
    """One version of a charge: a try to collect an amount (cents); `outcome` is JSON text."""

    id: str
    created: int
    intent: Intent
    method: PaymentMethod
    amount: int
    status: Literal["succeeded", "pending", "failed"]
    amount_captured: int = 0
    amount_refunded: int = 0
    captured: bool = False
    refunded: bool = False
    failure_code: str | None = None
    failure_message: str | None = None
    outcome: str
    balance_transaction: str | None = None
    disputed: bool = False
    application_fee: str | None = None
    transfer: str | None = None
    capture_before: int | None = None

    def json(self) -> str:
        """The JSON text of the object as the provider shows it."""
        intent, method = self.intent, self.method
        return (
            f'{{"id":"{self.id}","object":"charge","amount":{self.amount},'
            f'"amount_captured":{self.amount_captured},"amount_refunded":{self.amount_refunded},'
            '"application":null,"application_fee":'
            f"{text(self.application_fee)},"
            f'"application_fee_amount":{_number(intent.application_fee_amount)},'
            f'"balance_transaction":{text(self.balance_transaction)},'
            f'"billing_details":{method.billing},'
            f'"calculated_statement_descriptor":"SANDBOX","captured":{_truth(self.captured)},'
            f'"created":{self.created},"currency":"{intent.currency}",'
            f'"customer":{text(intent.customer)},"description":{text(intent.description)},'
            f'"disputed":{_truth(self.disputed)},"failure_balance_transaction":null,'
            f'"failure_code":{text(self.failure_code)},'
            f'"failure_message":{text(self.failure_message)},"fraud_details":{{}},'
            f'"livemode":false,"metadata":{mapping(intent.metadata)},'
            f'"on_behalf_of":{text(intent.on_behalf_of)},"outcome":{self.outcome},'
            f'"paid":{_truth(self.status == "succeeded")},"payment_intent":"{intent.id}",'
            f'"payment_method":"{method.id}","payment_method_details":{self._details()},'
            f'"receipt_email":{text(intent.receipt_email)},"receipt_number":null,'
            f'"receipt_url":null,"refunded":{_truth(self.refunded)},"review":null,'
            '"shipping":null,"source":null,"source_transfer":null,"statement_descriptor":null,'
            f'"statement_descriptor_suffix":{text(intent.statement_descriptor_suffix)},'
            f'"status":"{self.status}",{self._transfer()}'
            f'"transfer_data":{compact(intent.transfer_data)},'
            f'"transfer_group":{text(intent.transfer_group)}}}'
        )

    def render(self) -> Json:
        """The object as the provider shows it."""
        return _loaded(self.json())

    def _transfer(self) -> str:
        return "" if self.transfer is None else f'"transfer":"{self.transfer}",'

    def _details(self) -> str:
        card = self.method.card
        authorized = "null" if self.status == "failed" else self.amount
        before = "" if self.capture_before is None else f'"capture_before":{self.capture_before},'
        return (
            f'{{"card":{{"amount_authorized":{authorized},"brand":"{card.brand}",{before}'
            f'"checks":{_CHECKS_TEXT},"country":"{card.country}","exp_month":12,'
            f'"exp_year":2040,"fingerprint":null,"funding":"{card.funding}",'
            f'"installments":null,"last4":{text(card.last4)},"mandate":null,'
            f'"network":"{card.brand}","three_d_secure":null,"wallet":null}},"type":"card"}}'
        )


@attrs.frozen(kw_only=True, eq=False)
class Endpoint:
    """A webhook endpoint; `scope` says whose events it hears: its account's, others', or all."""

    id: str
    created: int
    url: str
    secret: str
    enabled_events: tuple[str, ...]
    scope: Literal["account", "connect", "all"] = "account"
    description: str | None = None
    metadata: Mapping[str, str] = attrs.field(factory=dict)

    def hears(self, event_type: str) -> bool:
        """Whether it has asked for events of this type."""
        return "*" in self.enabled_events or event_type in self.enabled_events

    def json(self) -> str:
        """The JSON text of the object as the provider shows it."""
        return compact(self.render())

    def render(self) -> Json:
        """The object as the provider shows it, without its secret."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": None,
            "application": None,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": False,
            "metadata": self.metadata,
            "status": "enabled",
            "url": self.url,
        }


_CHECKS: Json = {
    "address_line1_check": None,
    "address_postal_code_check": None,
    "cvc_check": "pass",
}

_CHECKS_TEXT = compact(_CHECKS)

_OPTIONS = (
    '{"card":{"installments":null,"mandate_options":null,"network":null,'
    '"request_three_d_secure":"automatic"}}'
)


def _loaded(shown: str) -> Json:
    loaded: Json = json.loads(shown)
    return loaded


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _truth(value: object) -> str:
    return "true" if value else "false"
