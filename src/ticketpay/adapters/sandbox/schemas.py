"""A schema names the parameters of an operation; anything else is refused as unknown."""

from __future__ import annotations

from typing import Final

from ticketpay.adapters.sandbox.checks import (
    Schema,
    amount,
    boolean,
    choice,
    currency,
    filled,
    integer,
    limit,
    metadata,
    nested,
    strings,
    text,
    time_range,
)

__all__ = [
    "CANCEL_INTENT",
    "CAPTURE_INTENT",
    "CONFIRM_INTENT",
    "CREATE_ENDPOINT",
    "CREATE_INTENT",
    "CREATE_REFUND",
    "LISTED",
    "LIST_CHARGES",
    "LIST_ENDPOINTS",
    "LIST_EVENTS",
    "LIST_INTENTS",
    "LIST_REFUNDS",
    "PAGE",
    "RETRIEVE",
    "UPDATE_INTENT",
    "UPDATE_REFUND",
]

_ADDRESS: Final[Schema] = dict.fromkeys(
    ("city", "country", "line1", "line2", "postal_code", "state"), text
)
_BILLING: Final[Schema] = {
    "address": nested(_ADDRESS),
    "email": text,
    "name": text,
    "phone": text,
}
_CARD: Final[Schema] = {
    "token": text,
    "number": text,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": text,
}
_METHOD_DATA: Final[Schema] = {
    "type": choice("card"),
    "card": nested(_CARD),
    "billing_details": nested(_BILLING),
    "allow_redisplay": choice("always", "limited", "unspecified"),
}
_AUTOMATIC: Final[Schema] = {
    "enabled": boolean,
    "allow_redirects": choice("always", "never"),
}
_CAPTURE_METHOD: Final = choice("automatic", "automatic_async", "manual")
_METHOD: Final[Schema] = {
    "payment_method": text,
    "payment_method_data": nested(_METHOD_DATA, ("type",)),
}
_CONFIRMATION: Final[Schema] = _METHOD | {
    "error_on_requires_action": boolean,
    "expand": strings,
    "off_session": boolean,
    "receipt_email": text,
    "return_url": text,
    "use_stripe_sdk": boolean,
}
_TRANSFER: Final[Schema] = {"destination": text, "amount": amount}
PAGE: Final[Schema] = {
    "ending_before": filled,
    "expand": strings,
    "limit": limit,
    "starting_after": filled,
}

LISTED: Final[Schema] = PAGE | {"created": time_range}

RETRIEVE: Final[Schema] = {"expand": strings}

CREATE_INTENT: Final[Schema] = _CONFIRMATION | {
    "amount": amount,
    "application_fee_amount": integer,
    "automatic_payment_methods": nested(_AUTOMATIC, ("enabled",)),
    "capture_method": _CAPTURE_METHOD,
    "confirm": boolean,
    "currency": currency,
    "customer": text,
    "description": text,
    "metadata": metadata,
    "on_behalf_of": text,
    "payment_method_types": strings,
    "statement_descriptor_suffix": text,
    "transfer_data": nested(_TRANSFER, ("destination",)),
    "transfer_group": text,
}

UPDATE_INTENT: Final[Schema] = _METHOD | {
    "amount": amount,
    "application_fee_amount": integer,
    "currency": currency,
    "description": text,
    "expand": strings,
    "metadata": metadata,
    "receipt_email": text,
    "statement_descriptor_suffix": text,
    "transfer_group": text,
}

CONFIRM_INTENT: Final[Schema] = _CONFIRMATION | {"capture_method": _CAPTURE_METHOD}

CANCEL_INTENT: Final[Schema] = {
    "cancellation_reason": choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
    "expand": strings,
}

CAPTURE_INTENT: Final[Schema] = {"amount_to_capture": amount, "expand": strings}

LIST_INTENTS: Final[Schema] = PAGE | {"created": time_range, "customer": filled}

LIST_CHARGES: Final[Schema] = PAGE | {"created": time_range, "payment_intent": filled}

LIST_EVENTS: Final[Schema] = PAGE | {"created": time_range, "type": filled, "types": strings}

CREATE_REFUND: Final[Schema] = {
    "amount": amount,
    "charge": text,
    "expand": strings,
    "metadata": metadata,
    "payment_intent": text,
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
    "refund_application_fee": boolean,
    "reverse_transfer": boolean,
}

UPDATE_REFUND: Final[Schema] = RETRIEVE | {"metadata": metadata}

LIST_REFUNDS: Final[Schema] = PAGE | {
    "charge": filled,
    "created": time_range,
    "payment_intent": filled,
}

CREATE_ENDPOINT: Final[Schema] = {
    "api_version": text,
    "connect": boolean,
    "description": text,
    "enabled_events": strings,
    "expand": strings,
    "metadata": metadata,
    "url": text,
}

LIST_ENDPOINTS: Final[Schema] = PAGE
