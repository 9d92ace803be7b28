"""A server that speaks TaxJar's shapes over real HTTP, and all the ways in which it can go wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

__all__ = ["TaxJarServer", "answer", "tax_document"]

RATES = {"state": "0.0625", "county": "0.005", "city": "0.015", "special": "0.0025"}


def tax_document(amount: float, **changes: object) -> dict[str, Any]:
    """An answer for an amount in dollars, as TaxJar's reference shows it."""
    parts = {name: round(amount * float(rate), 2) for name, rate in RATES.items()}
    breakdown: dict[str, object] = {
        "taxable_amount": amount,
        "state_taxable_amount": amount,
        "state_tax_rate": float(RATES["state"]),
        "state_tax_collectable": parts["state"],
        "county_tax_rate": float(RATES["county"]),
        "county_tax_collectable": parts["county"],
        "city_tax_rate": float(RATES["city"]),
        "city_tax_collectable": parts["city"],
        "special_tax_rate": float(RATES["special"]),
        "special_district_tax_collectable": parts["special"],
    }
    total = round(sum(parts.values()), 2)
    top = {k: v for k, v in changes.items() if k in ("amount_to_collect", "breakdown")}
    breakdown |= {k: v for k, v in changes.items() if k not in top}
    tax: dict[str, object] = {
        "taxable_amount": amount,
        "amount_to_collect": total,
        "has_nexus": True,
    }
    return {"tax": tax | {"breakdown": breakdown} | top}


Reply = tuple[int, bytes]


def answer(order: dict[str, Any]) -> Reply:
    """The usual answer."""
    return 200, json.dumps(tax_document(order["amount"])).encode()


@attrs.define(eq=False)
class TaxJarServer:
    """What it was sent, and what it answers; ``hang`` seconds before, ``drip`` between bytes."""

    url: str = ""
    reply: Callable[[dict[str, Any]], Reply] = answer
    hang: float = 0.0
    drip: float = 0.0
    location: str = ""
    orders: list[dict[str, Any]] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)
    paths: list[str] = attrs.field(factory=list)
    over: threading.Event = attrs.field(factory=threading.Event)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[TaxJarServer]:
        """A server on a free port of the loopback address."""
        made = cls()

        class Handler(_Handler):
            world = made

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        made.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            made.over.set()
            http.shutdown()
            http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    world: TaxJarServer

    def do_POST(self) -> None:
        world = self.world
        body = self.rfile.read(int(self.headers["content-length"]))
        world.bodies.append(body)
        world.orders.append(json.loads(body))
        world.tokens.append(self.headers["authorization"])
        world.paths.append(self.path)
        if world.over.wait(world.hang):
            return
        status, sent = world.reply(world.orders[-1])
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        if world.location:
            self.send_header("location", world.location)
        self.end_headers()
        self._send(sent)

    def _send(self, sent: bytes) -> None:
        step = 1 if self.world.drip else len(sent)
        for start in range(0, len(sent), step or 1):
            try:
                self.wfile.write(sent[start : start + step])
            except OSError:
                return
            if self.world.over.wait(self.world.drip):
                return

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""
