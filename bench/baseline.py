"""The baseline of the house: pgbench committing six one-row inserts per transaction."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from ticketpay.adapters.embedded.postgres import EmbeddedPostgres

__all__ = ["pgbench_rate"]

TABLES = ("orders", "payments", "entries_a", "entries_b", "outbox", "keys")
SCRIPT = "\n".join(
    [
        "BEGIN;",
        *(
            f"INSERT INTO baseline_{table} (owner, amount, note)"  # noqa: S608 - fixed names
            " VALUES ((random() * 1000000)::bigint, 12345, 'x');"
            for table in TABLES
        ),
        "COMMIT;",
    ]
)


def pgbench_rate(server: EmbeddedPostgres, database: str, *, seconds: int = 8) -> float:
    """Transactions per second with 8 clients on 2 threads, default settings of the server."""
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for table in TABLES:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS baseline_{table} (id bigint GENERATED ALWAYS AS IDENTITY"
                " PRIMARY KEY, owner bigint, amount bigint, note text, at timestamptz DEFAULT now())".encode()
            )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        Path(script.name).chmod(0o644)
        out = subprocess.run(
            [
                str(server.bin("pgbench")),
                "-n",
                "-f",
                script.name,
                "-c",
                "8",
                "-j",
                "2",
                "-T",
                str(seconds),
                "-h",
                "127.0.0.1",
                "-p",
                str(server.port),
                "-U",
                "postgres",
                database,
            ],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    found = re.search(r"tps = ([\d.]+)", out)
    assert found is not None, out
    return float(found[1])
