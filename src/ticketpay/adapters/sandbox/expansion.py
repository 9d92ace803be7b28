"""An expansion replaces an id in an answer by the object that it names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ticketpay.adapters.sandbox.errors import invalid
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Account

__all__ = ["expanded"]

_EXPANDABLE: Final = frozenset(
    {
        "application_fee",
        "balance_transaction",
        "charge",
        "customer",
        "default_payment_method",
        "failure_balance_transaction",
        "invoice",
        "latest_charge",
        "latest_invoice",
        "payment_intent",
        "payment_method",
        "price",
        "product",
        "source",
        "source_transaction",
        "source_transfer",
        "subscription",
        "transfer",
        "transfer_reversal",
    }
)
_LEVELS_MAX: Final = 4
_UNMODELLED: Final = ("on_behalf_of", "application", "destination")


def expanded(account: Account, shown: Json, paths: Iterable[str]) -> Json:
    """The object with the named properties expanded; raises SandboxError (400) if it cannot."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _LEVELS_MAX:
            raise invalid(f"A property expands at most {_LEVELS_MAX} levels.", param="expand")
        _expand(account, shown, steps, path)
    return shown


def _expand(account: Account, shown: Json, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if step == "data" and rest and shown.get("object") == "list":
        for item in shown["data"]:
            _expand(account, item, rest, path)
        return
    if step not in shown or step not in (*_EXPANDABLE, *_UNMODELLED):
        message = f"This property cannot be expanded ({path})."
        raise invalid(message, param="expand")
    if isinstance(shown[step], str) and step in _EXPANDABLE:
        object_ = account.find(shown[step])
        shown[step] = shown[step] if object_ is None else object_.render()
    if rest and isinstance(shown[step], dict):
        _expand(account, shown[step], rest, path)
