"""The one untyped edge: TaxJar's client, made to give what TaxJar wrote, exactly and in bounds.

The client's own types turn amounts into floats; here it hands back the bytes, and JSON numbers
become ``Decimal``. One deadline holds for the whole answer, and no redirect is followed.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any, Final, NoReturn

import requests
import taxjar  # type: ignore[import-untyped]  # taxjar ships no types
import urllib3

from ticketpay.domain.kernel.errors import Unavailable

__all__ = ["TaxJarClient"]

_ANSWER_BYTES_MAX: Final = 64 * 1024
_CHUNK_BYTES: Final = 16 * 1024


class TaxJarClient:
    """Asks TaxJar for the tax of an order; safe to share between threads."""

    def __init__(self, api_key: str, api_base: str, timeout_seconds: float) -> None:
        self._seconds = timeout_seconds
        options = {"timeout": timeout_seconds}
        self._client: Any = taxjar.Client(
            api_key=api_key, api_url=api_base.rstrip("/"), options=options, responder=_raw
        )
        session: requests.Session = self._client.session
        session.stream = True
        session.trust_env = False
        session.max_redirects = 0

    def tax_for_order(self, order: dict[str, object]) -> object:
        """The JSON document that TaxJar answers; raises ``Unavailable``."""
        ends_at = time.monotonic() + self._seconds
        try:
            response = self._client.tax_for_order(order)
            with response:
                body = _read(response, ends_at)
        except (taxjar.exceptions.TaxJarError, requests.RequestException) as error:
            raise Unavailable(f"TaxJar does not answer ({type(error).__name__})") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"TaxJar's answer broke off ({type(error).__name__})") from error
        if response.status_code != requests.codes.ok:
            raise Unavailable(f"TaxJar answers with status {response.status_code}")
        return _parsed(body)


def _raw(response: requests.Response) -> requests.Response:
    return response


def _read(response: requests.Response, ends_at: float) -> bytes:
    body = b""
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > _ANSWER_BYTES_MAX:
            raise Unavailable("TaxJar's answer is too long")
        if time.monotonic() > ends_at:
            raise Unavailable("TaxJar takes too long to answer")
    return body


def _parsed(body: bytes) -> object:
    try:
        document: object = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Unavailable("TaxJar's answer is not JSON") from error
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
