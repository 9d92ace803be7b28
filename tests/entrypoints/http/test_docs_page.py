"""The page of the documentation: whole in itself, and allowed by its own policy."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

import attrs
import httpx
import pytest

from tests.entrypoints.http.shop import Shop
from ticketpay.entrypoints.http.openapi import document
from ticketpay.entrypoints.http.operations import OPERATIONS
from ticketpay.entrypoints.http.pages import page

pytestmark = pytest.mark.spec("S07")

VOID = {"meta"}
ACTIVE = {"script", "img", "link", "iframe", "object", "embed", "form", "base"}


@attrs.define(init=False)
class Reader(HTMLParser):
    """What a page is made of; fails on a tag that is closed and was not open."""

    open: list[str]
    tags: set[str]
    ids: set[str]
    targets: set[str]
    style: str
    odd: list[str]

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.ids, self.targets = [], set(), set(), set()
        self.style, self.odd = "", []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name == "href":
                self.targets.add(value or "")
            elif name.startswith("on") or name in ("style", "src"):
                self.odd.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data


@pytest.fixture(scope="module")
def answer() -> httpx.Response:
    """The page as it is served."""
    answer: httpx.Response = Shop.open().send("GET", "/docs")
    return answer


def test_the_page_works_under_its_own_policy(answer: httpx.Response) -> None:
    """Only its one style is allowed, by its hash; there is nothing else that could be refused."""
    policies = answer.headers.get_list("content-security-policy")
    found = Reader(answer.text)
    digest = b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"style-src 'sha256-{digest}'" in policies[0]
    assert "unsafe" not in policies[0]
    assert (found.tags & ACTIVE, found.odd, found.open) == (set(), [], [])


def test_the_page_leads_only_to_itself(answer: httpx.Response) -> None:
    """Every link is to a place on the page, and every operation has its place."""
    found = Reader(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert found.targets <= {f"#{place}" for place in found.ids}
    assert {operation.endpoint for operation in OPERATIONS} <= found.ids
    assert re.search("https?://", answer.text) is None


def test_the_page_escapes_what_it_shows() -> None:
    """Nothing in the document can become markup."""
    evil = "<script>alert(1)</script>"
    whole: dict[str, Any] = document()
    whole["info"] = {"title": evil, "description": evil}
    whole["paths"]["/docs"]["get"]["summary"] = evil
    whole["components"]["schemas"]["Evil"] = {"description": evil}
    assert "script" not in Reader(page(whole)).tags
