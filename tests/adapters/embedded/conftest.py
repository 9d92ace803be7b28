"""Fixtures of the embedded servers: folders that ``nobody`` can reach, and a parent to kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

KEEPER = Path(__file__).with_name("keep_postgres.py")
Keeper = Callable[..., tuple[subprocess.Popen[bytes], dict[str, Any]]]


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(") ", 1)[1][0] != "Z"


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Wait up to 10 s for a process to end, and say whether it did."""

    def wait(pid: int) -> bool:
        deadline = time.monotonic() + 10
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not is_alive(pid)

    return wait


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that any account may enter; pytest's own are closed to ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix="ticketpay-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """Run a parent process that keeps a server on a folder: the process, and what it tells."""
    with ExitStack() as running:

        def run(
            data: Path, python: str = sys.executable, **how: Any
        ) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
            argv = [python, os.fspath(KEEPER), os.fspath(data)]
            process = running.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, **how))
            running.callback(process.kill)
            assert process.stdout is not None
            return process, json.loads(process.stdout.readline())

        yield run
