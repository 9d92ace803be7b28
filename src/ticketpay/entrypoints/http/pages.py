"""The page of the documentation: the OpenAPI document for people, whole, in one file.

No script, nothing from elsewhere; its content security policy says so to the browser.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

__all__ = ["page", "policy"]

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f5f5f5;padding:.7rem;overflow:auto}
section{border-top:1px solid #ddd;padding:.5rem 0}h2 code{font-size:1rem}
table{border-collapse:collapse}td,th{border:1px solid #ddd;padding:.2rem .5rem;text-align:left}
""".strip()


def policy() -> str:
    """The content security policy of the page: this style, and nothing else at all."""
    digest = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def page(document: Mapping[str, Any]) -> str:
    """The document as HTML."""
    about = document["info"]
    operations = [
        _operation(path, method, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]
    schemas = [
        _section(f"schema-{name}", escape(name), _json(schema))
        for name, schema in document["components"]["schemas"].items()
    ]
    title = escape(about["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(about['description'])}</p>{_contents(document)}"
        f"{''.join(operations)}<h1>Schemas</h1>{''.join(schemas)}</body></html>\n"
    )


def _contents(document: Mapping[str, Any]) -> str:
    rows = [
        (
            f'<a href="#{escape(found["operationId"])}"><code>{method.upper()} {escape(path)}</code></a>',
            escape(found["summary"]),
            escape(", ".join(found.get("x-roles", ())) or "no token"),
        )
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]
    return _table(("Operation", "What it does", "For"), rows)


def _operation(path: str, method: str, found: Mapping[str, Any]) -> str:
    head = f"<code>{method.upper()} {escape(path)}</code> {escape(found['summary'])}"
    body = f"<p>{escape(found.get('description', 'Needs no token.'))}</p>"
    if found["parameters"]:
        rows = [_parameter(one) for one in found["parameters"]]
        body += _table(("Parameter", "In", "Schema"), rows)
    for content in found.get("requestBody", {}).get("content", {}).values():
        body += f"<h3>Body</h3>{_json(content['schema'])}"
    rows = [_response(status, one) for status, one in found["responses"].items()]
    return _section(found["operationId"], head, body + _table(("Status", "Answer", "Codes"), rows))


def _parameter(one: Mapping[str, Any]) -> tuple[str, str, str]:
    name = f"<code>{escape(one['name'])}</code>{' (required)' if one.get('required') else ''}"
    return name, escape(one["in"]), f"<code>{escape(json.dumps(one['schema']))}</code>"


def _response(status: str, one: Mapping[str, Any]) -> tuple[str, str, str]:
    names = [_named(kind, content["schema"]) for kind, content in one["content"].items()]
    codes = one["description"] if "application/problem+json" in one["content"] else ""
    return escape(status), ", ".join(names), escape(codes)


def _named(media_type: str, schema: Mapping[str, Any]) -> str:
    first: Mapping[str, Any] = next(iter(schema.get("allOf", ())), schema)
    target = first.get("$ref", "")
    name = escape(str(target).rpartition("/")[2])
    return f'<a href="#schema-{name}">{name}</a>' if name else escape(media_type)


def _section(anchor: str, head: str, body: str) -> str:
    return f'<section id="{escape(anchor)}"><h2>{head}</h2>{body}</section>'


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
