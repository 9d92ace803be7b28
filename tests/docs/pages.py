"""Pages as a reader follows them: block after block, in one shell that stays open."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from textwrap import dedent
from types import MappingProxyType
from typing import Final, Self

import attrs

from tests.architecture.sources import ROOT
from tests.crash.fleet import Member, wait_for
from ticketpay.adapters.embedded.process import spawn

__all__ = ["Block", "Reader", "Shell", "blocks", "fences", "work_folder"]

_BLOCK: Final = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SERVER: Final = re.compile(r"^(?=ticketpay (?:serve|worker)\b)", re.MULTILINE)
_MARK: Final = "-- the block has ended --"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_KEPT: Final = ("HOME", "LANG", "PYTHONPATH", "TMPDIR")


@attrs.frozen
class Block:
    """What stands between two fences."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """All blocks of a page below ``docs/``."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [Block(language, dedent(code)) for _, language, code in _BLOCK.findall(text)]


def fences(page: str) -> int:
    """How many fences it has, two to a block."""
    return (ROOT / "docs" / page).read_text("utf-8").count("```")


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder that any account may enter, such as the one of an embedded server."""
    folder = Path(tempfile.mkdtemp(prefix="ticketpay-pages-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@attrs.define(eq=False)
class Shell:
    """A bash that ends at the first command that fails; what a block exports, the next one sees."""

    folder: Path
    process: Popen[str]
    servers: dict[str, Member] = attrs.field(factory=dict)

    @classmethod
    def open(cls, folder: Path, **more: str) -> Shell:
        """A shell in ``folder``, to which our program is known and no setting but ``more``."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = Popen(
            ["bash", "--noprofile", "--norc", "-e"],  # noqa: S607 - the reader's own
            cwd=folder,
            env={**kept, "PATH": path, **more},
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            encoding="utf-8",
        )
        return cls(folder, process)

    def run(self, text: str) -> str:
        """What the commands print; an assertion with it when one of them fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        script = self.folder / ".block"
        script.write_text(text)
        self.process.stdin.write(f". ./{script.name} </dev/null; printf '\\n{_MARK}\\n'\n")
        self.process.stdin.flush()
        told = ""
        for line in self.process.stdout:
            if line == f"{_MARK}\n":
                return told.removesuffix("\n")
            told += line
        raise AssertionError(f"exit {self.process.wait()}:\n{text}\n{told}")

    def environment(self) -> dict[str, str]:
        """What a process sees that is started now."""
        return dict(line.split("=", 1) for line in self.run("env -0").split("\0") if "=" in line)

    def start(self, name: str, text: str, url: str = "", **more: str) -> Member:
        """Start a server in the place of its ``name``; an API is known by its ``url``."""
        self.end(name)
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = spawn(
                ["bash", "-ec", _SERVER.sub("exec ", text)],
                env=self.environment() | more,
                cwd=self.folder,
                stdout=output,
                stderr=STDOUT,
            )
        self.servers[name] = Member(name, process, log, 0, url)
        return self.servers[name]

    def end(self, name: str) -> None:
        """End a server, if there is one of that name."""
        if name in self.servers:
            assert self.servers.pop(name).end() in (0, -signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.servers):
            self.end(name)
        self.process.communicate(timeout=10)


@attrs.define(eq=False)
class Reader:
    """Follows a page from top to bottom; ``ours`` stands where the page has an address.

    ``told`` is what its blocks print, ``seen`` what the world was like in between.
    """

    page: str
    shell: Shell
    ours: Mapping[str, str]
    done: list[Block] = attrs.field(factory=list)
    told: dict[str, str] = attrs.field(factory=dict)
    seen: dict[str, object] = attrs.field(factory=dict)

    def take(self, language: str = "sh", values: Mapping[str, str] = _NOTHING) -> str:
        """The next block, with ``values`` where it says ``NAME=...``."""
        block = blocks(self.page)[len(self.done)]
        assert block.language == language, block
        self.done.append(block)
        text = block.text
        for example, real in self.ours.items():
            text = text.replace(example, real)
        for name, value in values.items():
            text, count = re.subn(rf"\b{name}=\S*\.\.\.", f"{name}={value}", text)
            assert count == 1, (name, text)
        return text

    def do(
        self,
        name: str,
        values: Mapping[str, str] = _NOTHING,
        *,
        until: Callable[[str], bool] = lambda _: True,
    ) -> str:
        """Run the next block, again ``until`` it tells what it should; kept under ``name``."""
        text = self.take(values=values)

        def is_told() -> bool:
            self.told[name] = self.shell.run(text)
            return until(self.told[name])

        wait_for(f"as told by the block {name!r}", is_told, 30, every=0.2)
        return self.told[name]
