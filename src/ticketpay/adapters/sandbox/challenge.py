"""The challenge is the page on which a customer's bank asks: is it you?"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import urlencode

from ticketpay.adapters.sandbox import intents
from ticketpay.adapters.sandbox.errors import invalid
from ticketpay.adapters.sandbox.form import decode
from ticketpay.adapters.sandbox.objects import Intent
from ticketpay.adapters.sandbox.response import Response
from ticketpay.adapters.sandbox.world import Call

__all__ = ["answered", "shown"]

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>3-D Secure (sandbox)</title>
<h1>3-D Secure (sandbox)</h1><p>{text}</p>
<form method="post">
<button name="outcome" value="succeed">Complete</button>
<button name="outcome" value="fail">Fail</button>
</form></html>
"""


def shown(call: Call, ident: str) -> Response:
    """The page of an intent; raises SandboxError (404)."""
    intent = intents.found(call.account, ident)
    amount = f"{intent.amount / 100:.2f} {intent.currency.upper()}"
    return _html(200, _PAGE.format(text=escape(f"{amount} ({intent.status})")))


def answered(call: Call, ident: str, body: bytes) -> Response:
    """The customer pressed a button: settle the intent and send the browser back.

    Raises SandboxError (400 or 404).
    """
    outcome = decode(body.decode("utf-8", "replace")).get("outcome")
    if outcome not in ("succeed", "fail"):
        raise invalid("Invalid outcome: must be one of succeed, fail", param="outcome")
    action = intents.found(call.account, ident).next_action or {}
    after = intents.authenticate(call, ident, passed=outcome == "succeed")
    back = action.get("redirect_to_url", {}).get("return_url")
    if back is None:
        return _html(200, f"<!doctype html><p>{escape(after.status)}</p>")
    return _html(303, "", {"location": back + _query(back, after)})


def _query(back: str, intent: Intent) -> str:
    failed = intent.status == "requires_payment_method"
    pairs = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": "failed" if failed else "succeeded",
    }
    return ("&" if "?" in back else "?") + urlencode(pairs)


def _html(status: int, text: str, more: dict[str, str] | None = None) -> Response:
    headers = {"content-type": "text/html; charset=utf-8"} | (more or {})
    return Response(status=status, headers=headers, body=text.encode())
