"""The demo and the development stack, as a user starts, breaks and kills them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

TICKETPAY = (sys.executable, "-m", "ticketpay.entrypoints.cli.main")
NAMES = {"sandbox", "tickets", "postgres", "api", "worker", "parent"}


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that any account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ticketpay-demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.endswith(("_URL", "_SECRET"))}
    return {**kept, "TICKETPAY_DATA": str(data), "COLUMNS": "120", **more}


def demo(data: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TICKETPAY, "demo"],
        env=environment(data, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def in_sessions(sessions: set[int]) -> list[int]:
    """The processes, zombies aside, whose session is one of these."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session, *_ = path.read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if state != "Z" and int(session) in sessions:
            found.append(int(path.parent.name))
    return found


def running(process: subprocess.Popen[bytes], folder: Path) -> dict[str, int]:
    """Wait until the stack in ``folder`` has recorded all its processes; their ids by name."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            pids: dict[str, int] = json.loads((folder / "stack.json").read_text())["pids"]
        except (OSError, ValueError):
            pids = {}
        if pids.keys() >= NAMES:
            return pids
        time.sleep(0.05)
    pytest.fail("the stack did not start")


def await_none(sessions: set[int]) -> list[int]:
    deadline = time.monotonic() + 15
    while (left := in_sessions(sessions)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_the_demo_succeeds_and_can_be_repeated(data: Path) -> None:
    """The demo ends with 0 and OK, also on a folder that a planted cent made fail before."""
    planted = demo(data, TICKETPAY_DEMO_PLANT="one-cent")
    clean = demo(data)

    assert planted.returncode == 1, planted.stdout + planted.stderr
    assert "ledger verify: OK" not in planted.stdout
    assert "the ledger says" in planted.stdout
    assert "Traceback" not in planted.stderr
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "ledger verify: OK" in clean.stdout
    assert "WRONG" not in clean.stdout
    assert clean.stderr == ""


def test_a_killed_demo_leaves_no_process(data: Path) -> None:
    """After kill -9 in the middle of a demo, no process of its sessions is left."""
    with subprocess.Popen(
        [*TICKETPAY, "demo"], env=environment(data), stdout=subprocess.DEVNULL
    ) as process:
        pids = running(process, data / "demo")
        sessions = set(pids.values()) - {pids["parent"]}
        assert set(in_sessions(sessions)) >= sessions
        process.kill()

    assert await_none(sessions) == []


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _hear_ctrl_c() -> None:
    """A suite in the background ignores Ctrl-C, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Whatever fails in between, nobody waits for the process for ever."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_serve_starts_a_stack_that_other_commands_reach(data: Path, taken: int) -> None:
    """``serve`` without settings sells with the printed command; Ctrl-C ends everything."""
    with _ended(
        subprocess.Popen(
            [*TICKETPAY, "serve"],
            env=environment(data, PORT=str(taken)),
            stdout=subprocess.PIPE,
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - one thread, and nothing but a signal is set
        )
    ) as process:
        assert process.stdout is not None
        told = b""
        while b"Ctrl-C" not in told and (line := process.stdout.readline()):
            told += line
        pids = running(process, data)
        answer = _bought(told.decode())
        verified = _run(data, "ledger", "verify", "--tenant", _tenant())
        second = _run(data, "serve")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        code = process.wait(60)

    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert verified.stdout == "ledger verify: OK\n", verified.stderr
    assert f"note: port {taken} is taken" in told.decode()
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("ticketpay: EMBEDDED_DATA_FOLDER_IN_USE: ")
    assert (code, rest) == (0, b"stopped\n")
    assert await_none(set(pids.values()) - {pids["parent"]}) == []
    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600


def test_a_part_that_does_not_start_is_named(data: Path) -> None:
    """When a process of the stack ends at once, its name and its last words are told."""
    code = (
        "from pathlib import Path\n"
        "from ticketpay.entrypoints.stack import DevelopmentStack\n"
        f"DevelopmentStack.start(Path({str(data)!r}), extra={{'JWT_SECRET': 'short'}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "EmbeddedServerFailed: the process 'api' ended with 1" in done.stderr
    assert "JWT_SECRET: must have at least 32 characters" in done.stderr
    assert not (data / "stack.json").exists()


def _bought(told: str) -> httpx.Response:
    """Do what the printed curl command does."""
    import shlex

    command = told[told.index("curl ") :].split("\n\n")[0].replace("\\\n", " ")
    words = shlex.split(command)
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1]
    url = next(word for word in words if word.startswith("http"))
    return httpx.post(url, headers=headers, content=body, timeout=30, trust_env=False)


def _tenant() -> str:
    from ticketpay.entrypoints.demo import CATALOG

    tenant: str = json.loads(CATALOG.read_text())["tenant"]["id"]
    return tenant


def _run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TICKETPAY, *words],
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
