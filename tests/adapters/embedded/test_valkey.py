"""Our own Valkey: it runs, it is empty after a restart, and it does not outlive us."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from ticketpay.adapters.embedded.errors import DataFolderInUse, EmbeddedServerFailed
from ticketpay.adapters.embedded.valkey import EmbeddedValkey


def test_it_runs_in_memory_and_as_nobody(open_folder: Path) -> None:
    """It answers on the loopback address, keeps nothing on disk, and never runs as root."""
    with EmbeddedValkey.start(open_folder) as server, redis.Redis.from_url(server.url) as client:
        client.set("a", "1")
        config = client.config_get("*")
        assert (config["save"], config["appendonly"]) == ("", "no")
        assert config["bind"] == "127.0.0.1"
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0 or os.getuid() != 0
        port, pid = server.port, server.pid
        server.kill()
        server.restart()
        assert (server.port, server.pid != pid) == (port, True)
        assert client.dbsize() == 0


def test_a_folder_has_one_server_and_a_port_is_not_shared(open_folder: Path) -> None:
    """A second start on the folder is refused, and so is a port that is taken."""
    with EmbeddedValkey.start(open_folder) as server:
        with pytest.raises(DataFolderInUse):
            EmbeddedValkey.start(open_folder)
        with pytest.raises(EmbeddedServerFailed, match="Valkey ended with 1"):
            EmbeddedValkey.start(open_folder / "other", port=server.port)
    server.stop()
    EmbeddedValkey.start(open_folder).stop()


def test_a_killed_parent_takes_it_along(open_folder: Path, gone: Callable[[int], bool]) -> None:
    """The kill -9 of a parent ends its Valkey."""
    script = """
        import sys, time
        from pathlib import Path
        from ticketpay.adapters.embedded.valkey import EmbeddedValkey
        print(EmbeddedValkey.start(Path(sys.argv[1])).pid, flush=True)
        time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), os.fspath(open_folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)
