"""Whose request it is: the peer, or what proxies that we trust say about it (S10 D5).

Each proxy appends the peer that it saw to ``X-Forwarded-For``, so the list is believed from the
right, as long as it is a trusted proxy that speaks; whatever stands further left, anybody may have
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

from ticketpay.entrypoints.settings import Network

__all__ = ["Address", "client_ip", "subject_of"]

Address = IPv4Address | IPv6Address

_PORT: Final = re.compile(r"\[(?P<six>[^\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")
# One customer has a whole /64 at least, and could take another address for every request.
_CUSTOMER_BITS: Final = 64
_HOPS_MAX: Final = 20


def client_ip(scope: Scope, trusted: tuple[Network, ...]) -> Address | None:
    """The client's address; None when even the peer has none (a Unix socket)."""
    peer = scope.get("client")
    address = _parsed(peer[0]) if peer else None
    for hop in _forwarded(scope):
        if address is None or not any(address in network for network in trusted):
            break
        behind = _parsed(hop)
        if behind is None:
            break
        address = behind
    return address


def subject_of(address: Address | None) -> str:
    """How an address is counted: IPv6 by its /64."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _CUSTOMER_BITS), strict=False))
    return str(address or "unknown")


def _forwarded(scope: Scope) -> Iterator[str]:
    """The entries of all ``X-Forwarded-For`` headers, the last one first."""
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    # As many as there can be honest proxies: a longer list is not worth reading.
    text = b",".join(reversed([b",".join(reversed(line.split(b","))) for line in lines]))
    for entry in text.split(b",", _HOPS_MAX)[:_HOPS_MAX] if text else ():
        yield entry.decode("latin-1").strip()


def _parsed(text: str) -> Address | None:
    """An address, with or without a port; IPv4 within IPv6 is IPv4; zones are left out."""
    match = _PORT.fullmatch(text)
    bare = (match["six"] or match["four"]) if match else text
    with suppress(ValueError):
        address = ip_address(bare.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return mapped or address
    return None
