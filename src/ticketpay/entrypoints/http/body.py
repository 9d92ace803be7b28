"""Bodies: bytes within bounds, and JSON in the strict sense (RFC 8259, I-JSON).

Refused are invalid UTF-8, NaN and infinities, an object with the same key twice, lone surrogates
and deep nesting: two readers of such a text may see two different requests.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from starlette.requests import Request

from ticketpay.entrypoints.http.errors import BodyTooLarge, MalformedJson, UnsupportedMediaType

__all__ = [
    "BODY_BYTES_MAX",
    "CONTAINERS_MAX",
    "DEPTH_MAX",
    "DIGITS_MAX",
    "parse_json",
    "read_bytes",
    "require_json",
]

BODY_BYTES_MAX: Final = 512 * 1024
DEPTH_MAX: Final = 32
CONTAINERS_MAX: Final = 10_000
DIGITS_MAX: Final = 640
_NINES: Final = bytes.maketrans(b"012345678", b"9" * 9)
_TOO_MANY: Final = b"9" * (DIGITS_MAX + 1)
_LONG: Final = re.compile(f"[0-9]{{{DIGITS_MAX + 1}}}")
_CHARSET: Final = re.compile(r"""charset=("?)utf-?8\1""", re.IGNORECASE)


async def read_bytes(request: Request) -> bytes:
    """The body; raises ``BodyTooLarge`` by the announced length or as soon as it is exceeded."""
    announced = request.headers.get("content-length", "")
    if len(announced) > len(str(BODY_BYTES_MAX)) or int(_digits(announced)) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"A body may have {BODY_BYTES_MAX} bytes")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise BodyTooLarge(f"A body may have {BODY_BYTES_MAX} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _digits(text: str) -> str:
    return text if text.isascii() and text.isdigit() else "0"


def require_json(request: Request) -> None:
    """Raise ``UnsupportedMediaType`` unless the body is announced as JSON."""
    headers = request.headers
    media_type, _, parameters = ", ".join(headers.getlist("content-type")).partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType("Send the body with Content-Type: application/json")
    if _CHARSET.sub("", parameters).strip(" ;"):
        raise UnsupportedMediaType("JSON is UTF-8; no other charset or parameter is known")
    codings = headers.getlist("content-encoding")
    if any(coding.strip().lower() != "identity" for coding in codings):
        raise UnsupportedMediaType("Send the body without a Content-Encoding")


def parse_json(raw: bytes) -> object:
    """The value of a strict JSON text; raises ``MalformedJson`` and says where it went wrong."""
    containers = raw.count(b"{") + raw.count(b"[")
    # Before anything is built of it: this runs on the event loop, and must never take long.
    if containers > CONTAINERS_MAX:
        raise MalformedJson(f"The JSON has more than {CONTAINERS_MAX:,} objects and arrays")
    # So many digits may also stand in a text; only then is every number looked at by itself.
    decoder = _COUNTING if _TOO_MANY in raw.translate(_NINES) else _DECODER
    try:
        text = raw.decode()
        value = decoder.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJson(f"Not UTF-8 at {_place(raw[: error.start])}") from error
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno} (position {error.pos})"
        raise MalformedJson(f"{error.msg} at {at}") from error
    except RecursionError as error:
        raise MalformedJson("The JSON is nested too deeply") from error
    if containers > DEPTH_MAX:
        _check_nesting(value)
    if b"\\u" in raw:
        _check_surrogates(value)
    return value


def _place(before: bytes) -> str:
    lines = before.split(b"\n")
    column = len(lines[-1].decode(errors="replace")) + 1
    return f"line {len(lines)} column {column} (position {len(before)})"


def _check_nesting(value: object) -> None:
    if isinstance(value, dict | list):
        _check_depth(value, DEPTH_MAX)


def _check_depth(value: dict[str, Any] | list[Any], left: int) -> None:
    if left == 0:
        raise MalformedJson(f"The JSON is nested more than {DEPTH_MAX} deep")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            _check_depth(item, left - 1)


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedJson("A text has half of a surrogate pair") from error


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("A number is out of range")
    return number


def _short_integer(text: str) -> int:
    return int(_short(text))


def _short_float(text: str) -> float:
    return _finite(_short(text))


def _short(text: str) -> str:
    if _LONG.search(text):
        raise MalformedJson("A number has too many digits")
    return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("An object has the same key twice")
    return members


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant
)
_COUNTING: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_short_integer,
    parse_float=_short_float,
    parse_constant=_refuse_constant,
)
