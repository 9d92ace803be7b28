"""A dispute is a buyer's bank asking for its money: an inquiry, or with the funds withdrawn.

Submitted evidence with `uncategorized_text` of `winning_evidence`, `losing_evidence` or
`escalate_inquiry_evidence` decides it some seconds later; without an answer in time it is lost.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs

from ticketpay.adapters.sandbox import schemas
from ticketpay.adapters.sandbox.banking import DISPUTE_FEE
from ticketpay.adapters.sandbox.checks import Args, Schema, boolean, filled, metadata, nested, text
from ticketpay.adapters.sandbox.errors import invalid
from ticketpay.adapters.sandbox.ledger import fee_detail
from ticketpay.adapters.sandbox.objects import Charge
from ticketpay.adapters.sandbox.operation import (
    Operation,
    found,
    listing,
    merged,
    reading,
    writing,
)
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["ROUTES", "close_refunded_inquiry", "decided", "escalated", "opened", "withdrawn"]

_ANSWER_SECONDS: Final = 9 * 86_400
_DECISION_SECONDS: Final = 5.0
_ENDED: Final = ("won", "lost", "warning_closed")
_ASKED: Final = ("warning_needs_response", "warning_under_review")
_AWAITED: Final = ("needs_response", "warning_needs_response")
_FILES: Final = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
_TEXTS: Final = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)


def withdrawn(account: Account, charge: Charge) -> int:
    """Cents of a charge that are charged back: withdrawn and not given back."""
    return sum(
        dispute["amount"]
        for dispute in _of(account, charge)
        if dispute["status"] in ("needs_response", "under_review", "lost")
    )


def opened(call: Call, charge: Charge, amount: int, reason: str, *, inquiry: bool) -> Record:
    """A bank opens a dispute; raises SandboxError (400) for more than is left of the charge."""
    open_ = sum(each["amount"] for each in _of(call.account, charge) if each["status"] != "won")
    rest = charge.amount_captured - charge.amount_refunded - open_
    if not 0 < amount <= rest:
        message = f"The disputed amount ({amount}) is greater than the unrefunded amount ({rest})."
        raise invalid(message, param="amount", code="amount_too_large")
    dispute = call.add(_new(call, charge, amount, reason, inquiry=inquiry), charge.id)
    if not inquiry:
        dispute = _withdraw(call, dispute)
    charge = attrs.evolve(charge, disputed=True)
    call.account.charges.replace(charge.id, charge)
    call.emit("charge.dispute.created", dispute, charge.intent)
    if not inquiry:
        call.emit("charge.dispute.funds_withdrawn", dispute, charge.intent)
    call.world.later(call.account, call.time + _ANSWER_SECONDS, partial(_late, ident=dispute.id))
    return dispute


def decided(call: Call, ident: str, *, won: bool) -> Record:
    """The bank decides; nothing when the dispute has ended. An inquiry is closed either way."""
    dispute = found(call.account, "dispute", ident)
    status = dispute["status"]
    if status in _ENDED:
        return dispute
    if status.startswith("warning_"):
        return _end(call, dispute, "warning_closed")
    if not won:
        return _end(call, dispute, "lost")
    entry = call.post(
        "adjustment",
        dispute["amount"],
        dispute["currency"],
        dispute.id,
        description=f"Chargeback reversal for {dispute['charge']}",
        reporting_category="dispute_reversal",
    )
    entries = [*dispute["balance_transactions"], entry.shown]
    dispute = call.change(dispute, status="won", balance_transactions=entries)
    call.emit("charge.dispute.funds_reinstated", dispute, _intent(call, dispute))
    return _end(call, dispute, "won")


def escalated(call: Call, ident: str) -> Record:
    """The bank turns an inquiry into a dispute and withdraws the funds, if they are still there."""
    dispute = found(call.account, "dispute", ident)
    if dispute["status"] not in _ASKED:
        raise invalid(f"Dispute {ident} has a status of {dispute['status']}: no inquiry.")
    if not _is_there(call, dispute):
        raise invalid(f"The charge of {ident} has been refunded.", code="charge_already_refunded")
    dispute = call.change(dispute, status="needs_response", is_charge_refundable=False)
    dispute = _withdraw(call, dispute)
    call.emit("charge.dispute.updated", dispute, _intent(call, dispute))
    _tell(call, dispute, "funds_withdrawn")
    return dispute


def close_refunded_inquiry(call: Call, charge: Charge) -> None:
    """A bank asks no more when everything has been refunded."""
    if charge.refunded and charge.disputed:
        for dispute in _of(call.account, charge):
            if dispute["status"] in _ASKED:
                _end(call, dispute, "warning_closed")


def _update(call: Call, ident: str, args: Args) -> Record:
    dispute = found(call.account, "dispute", ident)
    if dispute["status"] not in _AWAITED:
        raise invalid("This dispute is already closed or under review.", param="dispute")
    given = args.get("evidence") or {}
    changes: dict[str, Any] = {"metadata": merged(dispute["metadata"], args.get("metadata"))}
    submitted = bool(given) and args.get("submit", True)
    if given:
        changes["evidence"] = dispute["evidence"] | given
        count = dispute["evidence_details"]["submission_count"] + submitted
        more = {"has_evidence": True, "submission_count": count}
        changes["evidence_details"] = dispute["evidence_details"] | more
    if submitted:
        inquiry = dispute["status"].startswith("warning_")
        changes["status"] = "warning_under_review" if inquiry else "under_review"
        _judge_later(call, dispute, given.get("uncategorized_text"))
    dispute = call.change(dispute, **changes)
    _tell(call, dispute, "updated")
    return dispute


def _close(call: Call, ident: str, _args: Args) -> Record:
    dispute = found(call.account, "dispute", ident)
    if dispute["status"] not in _AWAITED:
        raise invalid("This dispute is already closed or under review.", param="dispute")
    return decided(call, ident, won=False)


def _judge_later(call: Call, dispute: Record, evidence: str | None) -> None:
    actions: dict[str | None, Any] = {
        "winning_evidence": partial(decided, ident=dispute.id, won=True),
        "losing_evidence": partial(decided, ident=dispute.id, won=False),
        "escalate_inquiry_evidence": partial(_escalate_by_itself, ident=dispute.id),
    }
    if evidence in actions:
        call.world.later(call.account, call.time + _DECISION_SECONDS, actions[evidence])


def _escalate_by_itself(call: Call, ident: str) -> None:
    dispute = found(call.account, "dispute", ident)
    if dispute["status"].startswith("warning_under") and _is_there(call, dispute):
        escalated(call, ident)


def _is_there(call: Call, dispute: Record) -> bool:
    """Whether refunds have left what an inquiry is about."""
    charge = call.account.charges.get(dispute["charge"])
    assert charge is not None, "a dispute is about a charge"
    return charge.amount_refunded + int(dispute["amount"]) <= charge.amount_captured


def _late(call: Call, ident: str) -> None:
    if found(call.account, "dispute", ident)["status"] in _AWAITED:
        decided(call, ident, won=False)


def _withdraw(call: Call, dispute: Record) -> Record:
    currency = dispute["currency"]
    entry = call.post(
        "adjustment",
        -dispute["amount"],
        currency,
        dispute.id,
        description=f"Chargeback withdrawal for {dispute['charge']}",
        fee_details=[fee_detail(DISPUTE_FEE, currency, "stripe_fee", "Dispute fee")],
    )
    return call.change(dispute, balance_transactions=[entry.shown])


def _end(call: Call, dispute: Record, status: str) -> Record:
    dispute = call.change(dispute, status=status)
    call.emit("charge.dispute.updated", dispute, _intent(call, dispute))
    _tell(call, dispute, "closed")
    return dispute


def _tell(call: Call, dispute: Record, name: str) -> None:
    """The last event of what has happened: those that were held are let go."""
    call.emit(f"charge.dispute.{name}", dispute, _intent(call, dispute))
    call.settle(_intent(call, dispute))


def _of(account: Account, charge: Charge) -> list[Record]:
    if not charge.disputed:
        return []
    return account.of("dispute").page({"limit": 100}, charge.id)[0]


def _intent(call: Call, dispute: Record) -> Any:
    return call.account.intents.get(dispute["payment_intent"])


def _new(call: Call, charge: Charge, amount: int, reason: str, *, inquiry: bool) -> Record:
    return Record(
        {
            "id": call.fresh("dp"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge.id,
            "created": call.now,
            "currency": charge.intent.currency,
            "enhanced_eligibility_types": [],
            "evidence": _NO_EVIDENCE,
            "evidence_details": {
                "due_by": call.now + _ANSWER_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge.intent.id,
            "payment_method_details": {
                "card": {
                    "brand": charge.method.card.brand,
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        }
    )


_NO_EVIDENCE: Final[Json] = dict.fromkeys((*_FILES, *_TEXTS)) | {"enhanced_evidence": {}}
_EVIDENCE: Final[Schema] = dict.fromkeys((*_FILES, *_TEXTS), text)
_UPDATE: Final[Schema] = schemas.RETRIEVE | {
    "evidence": nested(_EVIDENCE),
    "metadata": metadata,
    "submit": boolean,
}
_LIST: Final[Schema] = schemas.LISTED | {"charge": filled, "payment_intent": filled}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/disputes": listing("dispute", "/v1/disputes", _LIST, ("charge",)),
    "GET v1/disputes/{}": reading("dispute"),
    "POST v1/disputes/{}": writing("dispute", "update", _update, _UPDATE),
    "POST v1/disputes/{}/close": writing("dispute", "close", _close, schemas.RETRIEVE),
}
