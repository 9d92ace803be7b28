"""A form is Stripe's bracket notation: `metadata[order_id]=7&expand[0]=latest_charge`."""

from __future__ import annotations

import hashlib
from urllib.parse import unquote_plus

from ticketpay.adapters.sandbox.errors import invalid

__all__ = ["Form", "decode", "digest"]

Form = dict[str, "str | Form"]


def decode(text: str) -> Form:
    """The tree of a form; list items are keyed by their index ("0", "1", ...).

    Raises SandboxError (400) when one name is both a value and an object.
    """
    tree: Form = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            _put(tree, _plain(name), _plain(value))
    return tree


def digest(text: str) -> bytes:
    """A fingerprint of a form that does not depend on the order of its pairs."""
    joined = "&".join(sorted(text.split("&")))
    return hashlib.blake2b(joined.encode("utf-8", "replace"), digest_size=16).digest()


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _put(tree: Form, name: str, value: str) -> None:
    head, bracket, rest = name.partition("[")
    path = [head, *rest.removesuffix("]").split("][")] if bracket else [name]
    for step in path[:-1]:
        inner = tree.setdefault(step, {})
        if isinstance(inner, str):
            raise invalid(f"Invalid object: {step}", param=head)
        tree = inner
    last = path[-1] if path[-1] or not bracket else str(len(tree))
    if isinstance(tree.get(last), dict):
        raise invalid(f"Invalid string: {last}", param=head)
    tree[last] = value
