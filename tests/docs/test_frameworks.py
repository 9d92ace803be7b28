"""The page about web frameworks runs: each of its blocks, through the framework's own client."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "how-to" / "use-in-a-web-framework.md"
TITLES = ("One module for all three", "Flask", "FastAPI", "Django")
EXPECTED = {
    "allInCents": 10_920,
    "totalCents": 11_945,
    "charges": [
        {"name": "Platform fee", "cents": 820},
        {"name": "Ticket issuing fee", "cents": 100},
        {"name": "Tennessee Sales Tax", "cents": 700},
        {"name": "Nashville Local Tax", "cents": 225},
        {"name": "Entertainment Tax", "cents": 100},
    ],
}
Post = Callable[[object], tuple[int, dict[str, Any]]]


def blocks() -> dict[str, str]:
    """The code of each section."""
    parts = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        (found[title],) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


def load(name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec"), module.__dict__)  # noqa: S102 - the page is ours
    return module


@pytest.fixture(autouse=True)
def prices(monkeypatch: pytest.MonkeyPatch) -> None:
    load("prices", blocks()[TITLES[0]], monkeypatch)


def flask(monkeypatch: pytest.MonkeyPatch) -> Post:
    client = load("shop_flask", blocks()["Flask"], monkeypatch).app.test_client()

    def post(quantity: object) -> tuple[int, dict[str, Any]]:
        answer = client.post("/price", json={"quantity": quantity})
        return answer.status_code, answer.get_json()

    return post


def fastapi(monkeypatch: pytest.MonkeyPatch) -> Post:
    with warnings.catch_warnings():
        # FastAPI's client wishes for httpx2, which is no dependency of ours.
        warnings.filterwarnings("ignore", message="Using `httpx`")
        from fastapi.testclient import TestClient

    client = TestClient(load("shop_fastapi", blocks()["FastAPI"], monkeypatch).app)

    def post(quantity: object) -> tuple[int, dict[str, Any]]:
        answer = client.post("/price", json={"quantity": quantity})
        return answer.status_code, answer.json()

    return post


def django(monkeypatch: pytest.MonkeyPatch) -> Post:
    import django as framework  # type: ignore[import-untyped] # Django ships no types
    from django.conf import settings  # type: ignore[import-untyped] # Django ships no types

    if not settings.configured:
        settings.configure(ROOT_URLCONF="shop_django", ALLOWED_HOSTS=["testserver"])
        framework.setup()
    from django.test import Client  # type: ignore[import-untyped] # Django ships no types

    load("shop_django", blocks()["Django"], monkeypatch)

    def post(quantity: object) -> tuple[int, dict[str, Any]]:
        answer = Client().post("/price", {"quantity": quantity}, content_type="application/json")
        return answer.status_code, answer.json()

    return post


def test_every_block_is_run() -> None:
    """The page has the shared module and one block per framework, and no other."""
    assert tuple(blocks()) == TITLES


@pytest.mark.spec("S18", "S58")
@pytest.mark.parametrize("framework", [flask, fastapi, django])
def test_a_price_in_a_framework(
    framework: Callable[[pytest.MonkeyPatch], Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django, Flask and FastAPI answer with the price that the service charges, to the cent; of no
    tickets, or more than ten, with an error."""
    post = framework(monkeypatch)

    assert post(2) == (200, EXPECTED)
    # In this order: without a bound the last one would end the machine's memory.
    for quantity in (0, 11, 10**9):
        status, body = post(quantity)
        assert (status, body["code"]) == (400, "VALIDATION_ERROR")
    assert post(10)[0] == 200
