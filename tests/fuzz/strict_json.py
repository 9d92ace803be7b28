"""A reader of strict JSON (RFC 8259, I-JSON) that shares no code with the one it judges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import attrs

DEPTH_MAX = 32
DIGITS_MAX = 640
_TOKEN = re.compile(
    r"[ \t\n\r]*"
    r'([{}\[\]:,]|"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
)
_ESCAPE = re.compile(r"\\(?:u(....)|(.))", re.DOTALL)
_SHORT = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_WORDS = {"true": True, "false": False, "null": None}


def read(raw: bytes) -> object:
    """The value of a text; raises ``ValueError`` when it is not strict."""
    reader = _Reader(raw.decode())
    value = reader.value(0)
    if reader.text[reader.at :].strip(" \t\n\r"):
        raise ValueError("something follows")
    return value


@attrs.define
class _Reader:
    text: str
    at: int = 0

    def token(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise ValueError(f"no token at {self.at}")
        self.at = found.end()
        return found[1]

    def value(self, depth: int, token: str = "") -> object:
        token = token or self.token()
        if token in ("{", "["):
            if depth == DEPTH_MAX:
                raise ValueError("too deep")
            return self.members(depth + 1) if token == "{" else self.items(depth + 1)
        if token.startswith('"'):
            return _string(token)
        return _WORDS[token] if token in _WORDS else _number(token)

    def members(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}

        def member(token: str) -> None:
            name = _string(token)
            if name in found or self.token() != ":":
                raise ValueError("the same name twice, or no colon")
            found[name] = self.value(depth)

        self._series("}", member)
        return found

    def items(self, depth: int) -> list[object]:
        found: list[object] = []
        self._series("]", lambda token: found.append(self.value(depth, token)))
        return found

    def _series(self, end: str, one: Callable[[str], None]) -> None:
        token = self.token()
        while token != end:
            one(token)
            token = self.token()
            if token == end:
                return
            if token != ",":
                raise ValueError("no comma")
            token = self.token()
            if token == end:
                raise ValueError("a comma too many")


def _string(token: str) -> str:
    """The text; half of a surrogate pair cannot be decoded."""
    if not token.startswith('"'):
        raise ValueError("no text")
    text = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SHORT[m[2]], token[1:-1])
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _number(token: str) -> int | float:
    if re.search(f"[0-9]{{{DIGITS_MAX + 1}}}", token):
        raise ValueError("too many digits")
    if re.fullmatch("-?[0-9]+", token):
        return int(token)
    if re.match("[-0-9]", token) is None or not math.isfinite(float(token)):
        raise ValueError("no number, or out of range")
    return float(token)
