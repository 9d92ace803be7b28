"""The OpenAPI document, made of the table of operations, the wire types, the views and the errors."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Final

import attrs
from starlette.requests import Request
from starlette.responses import Response

from ticketpay import __version__
from ticketpay.entrypoints.http.errors import STATUS_OF_CODE
from ticketpay.entrypoints.http.limits import is_free
from ticketpay.entrypoints.http.operations import HTML, OPERATIONS, Operation
from ticketpay.entrypoints.http.pages import page, policy
from ticketpay.entrypoints.http.views import VIEWS, ref

__all__ = ["Documents", "document", "document_text"]

_PROBLEM_JSON: Final = "application/problem+json"
_ABOUT: Final = {
    "title": "ticketpay",
    "version": __version__,
    "description": "The money side of event tickets: sales, refunds, disputes, payouts, plans and the ledger - exact to the cent.",
}
_SECURITY_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": (
        "HS256, with the claims iss, aud, iat, exp (a day at most), sub (the user's UUID), tenant (a UUID), role, "
        "and for a venue_manager venues: a list of the UUIDs of the venues that they manage."
    ),
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A UUID; the first answer to a key is the answer.",
    "schema": {"type": "string", "format": "uuid"},
}
_SIGNATURE: Final = {
    "name": "Stripe-Signature",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_HEADERS: Final = {
    "RateLimit-Policy": {
        "description": 'The limit that counts: its name, quota and window in seconds, as `"default";q=100;w=60`.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of it, and in how many seconds there is more, as `"default";r=99;t=1`.',
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
}
_ANY_JSON: Final = {"application/json": {"schema": {"type": "object"}}}


def document() -> dict[str, Any]:
    """The whole document (OpenAPI 3.1)."""
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for one in OPERATIONS:
        paths[one.path][one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": _ABOUT,
        "paths": dict(paths),
        "components": {
            "schemas": dict(VIEWS),
            "headers": _HEADERS,
            "securitySchemes": {"bearer": _SECURITY_SCHEME},
        },
    }


def document_text() -> str:
    """The document as it is kept in the reference."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _operation(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.endpoint,
        "summary": one.summary,
        "security": [{"bearer": []}] if one.roles else [],
        "parameters": _parameters(one),
        "responses": _responses(one),
    }
    if one.roles:
        found["description"] = f"For {', '.join(map(str, one.roles))}."
        found["x-roles"] = [str(role) for role in one.roles]
    if one.signed:
        found["requestBody"] = {"required": True, "content": _ANY_JSON}
    elif one.body is not None:
        content = {"application/json": {"schema": one.body.schema}}
        found["requestBody"] = {"required": bool(one.body.members), "content": content}
    return found


def _parameters(one: Operation) -> list[dict[str, Any]]:
    sent = [{"name": n, "in": "query", "schema": check.schema} for n, check in one.query.items()]
    return [
        *([_ID] if "{id}" in one.path else []),
        *([_KEY] if one.idempotent else []),
        *([_SIGNATURE] if one.signed else []),
        *sent,
    ]


def _responses(one: Operation) -> dict[str, Any]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in one.codes:
        by_status[STATUS_OF_CODE[code]].append(code)
    content = {status: _refused(codes) for status, codes in by_status.items()}
    for status, view in one.answers.items():
        content[status] = {**content.get(status, {}), **_answered(view)}
    return {
        str(status): {
            "description": ", ".join(by_status.get(status, ())) or one.answers[status],
            "content": content[status],
            **_headers(one, status),
        }
        for status in sorted(content)
    }


def _headers(one: Operation, status: int) -> dict[str, Any]:
    """The headers that a client may act on."""
    names = [] if is_free(one.path) else ["RateLimit-Policy", "RateLimit"]
    if status in (429, 503):
        names.append("Retry-After")
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"headers": headers} if headers else {}


def _answered(view: str) -> dict[str, Any]:
    if view == HTML:
        return {HTML: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": ref(view)}}


def _refused(codes: list[str]) -> dict[str, Any]:
    named = {"properties": {"code": {"enum": sorted(codes)}}}
    return {_PROBLEM_JSON: {"schema": {"allOf": [ref("Problem"), named]}}}


@attrs.frozen
class Documents:
    """What the service says about itself; rendered once, when it starts."""

    text: bytes = attrs.field(factory=lambda: document_text().encode())
    html: bytes = attrs.field(factory=lambda: page(document()).encode())

    async def openapi_json(self, _: Request) -> Response:
        """``GET /openapi.json``."""
        return Response(self.text, media_type="application/json")

    async def docs(self, _: Request) -> Response:
        """``GET /docs``: the same for people."""
        headers = {"content-security-policy": policy()}
        return Response(self.html, media_type=HTML, headers=headers)
