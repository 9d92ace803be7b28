"""``ticketpay audit``: what it prints, what it finds, what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from tests.support.databases import Database
from tests.support.scenery import START, Scenery, audit_entry
from ticketpay.adapters.memory import VirtualClock
from ticketpay.domain.audit import KeptHead
from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.processes.auditing import ChainAudit
from ticketpay.entrypoints.cli.audit import operator_entry, read_kept
from ticketpay.entrypoints.cli.main import cli

HASH = "ab" * 32
EDITS = (
    ("UPDATE audit_entries SET reason = 'x' WHERE action = 'token.issue'", "does not follow"),
    ("UPDATE audit_entries SET at = 'infinity' WHERE action = 'token.issue'", "cannot be read"),
    (
        "UPDATE audit_entries SET at = now(), details = repeat('9', 5000)::jsonb",
        "cannot be read",
    ),
    ("UPDATE audit_checkpoints SET at = 'infinity'", "is broken"),
)
SECRET = "a secret of at least 32 characters: yes"


@pytest.mark.spec("S09")
def test_a_kept_head_is_read_in_every_dress(tmp_path: Path) -> None:
    """SEQ:HASH, a bare hash, JSON, and files of them; another tenant's lines are left out."""
    tenant = uuid4()
    both = [KeptHead(hash=HASH, seq=7), KeptHead(hash=HASH)]
    mine = json.dumps({"tenant": str(tenant), "seq": 7, "hash": HASH})
    other = json.dumps({"tenant": str(uuid4()), "seq": 7, "hash": HASH})
    assert read_kept(f"7:{HASH}", tenant) == both[:1]
    assert read_kept(HASH, tenant) == both[1:]
    path = tmp_path / "heads"
    path.write_text(f"{mine}\n\n{other}\n{HASH}\n")
    assert read_kept(str(path), tenant) == both
    for wrong in ("", "7", "x:" + HASH, "-1:" + HASH, HASH[:-1], HASH.upper(), "{", "{}", other):
        with pytest.raises(InvalidInput, match="--against"):
            read_kept(wrong, tenant)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words])


@pytest.mark.server
@pytest.mark.spec("S09")
def test_the_trail_is_listed_proven_and_its_tampering_found(
    fresh_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token leaves an entry; list, show, checkpoint and verify agree; an edit exits with 1."""
    home = Scenery()
    tenant = home.tenant
    fresh_database.load(home.catalog)
    monkeypatch.setenv("DATABASE_URL", fresh_database.app)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("TICKETPAY_OPERATOR", "kim")
    issue = ("tokens", "issue", "--tenant", str(tenant), "--user", str(uuid4()), "--role", "admin")
    issued = run(*issue)
    assert issued.exit_code == 0, issued.output
    (entry,) = json.loads(run("audit", "list", "--tenant", str(tenant), "--json").output)
    assert (entry["action"], entry["actorId"]) == ("token.issue", "kim")
    assert entry["details"] == {"role": "admin", "minutes": 60}
    heading, line = run("audit", "list", "--tenant", str(tenant)).output.splitlines()
    assert heading.split()[:2] == ["at", "actorKind"]
    assert line.split()[0] == entry["at"]
    shown = run("audit", "show", entry["id"], "--tenant", str(tenant), "--json")
    assert json.loads(shown.output) == entry
    assert chained(fresh_database, tenant) == 4
    head = run("audit", "checkpoint", "--tenant", str(tenant)).output.strip()
    verify = ("audit", "verify", "--tenant", str(tenant), "--json", "--against", head)
    good = run(*verify)
    assert (good.exit_code, json.loads(good.output)["differences"]) == (0, [])
    for edit, said in EDITS:
        with psycopg.connect(fresh_database.owner) as connection:
            connection.execute(edit)
        bad = run(*verify)
        assert (bad.exit_code, json.loads(bad.output)["ok"]) == (1, False)
        assert any(said in one for one in json.loads(bad.output)["differences"])
    assert run("audit", "show", str(uuid4()), "--tenant", str(tenant)).exit_code == 3


@pytest.mark.server
@pytest.mark.spec("S09")
def test_a_managers_token_leaves_its_venues(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose money somebody was let at is in the trail, as many venues as the command takes."""
    home, venues = Scenery(), [str(uuid4()) for _ in range(12)]
    database.load(home.catalog)
    monkeypatch.setenv("DATABASE_URL", database.app)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    words = ("tokens", "issue", "--tenant", str(home.tenant), "--user", str(uuid4()))
    named = [word for venue in venues for word in ("--venue", venue)]
    assert run(*words, "--role", "venue_manager", *named).exit_code == 0
    (entry,) = json.loads(run("audit", "list", "--tenant", str(home.tenant), "--json").output)
    assert entry["details"]["venues"].split() == venues


def chained(database: Database, tenant: TenantId) -> int:
    """Three entries more, all chained by a worker."""
    uow = database.unit_of_work(worker=True)
    for number in range(3):
        entry = audit_entry(START + timedelta(seconds=number))
        uow.run(tenant, lambda tx, entry=entry: tx.audit.record(entry))  # type: ignore[misc] # a default binds the loop variable
    found = ChainAudit(uow=uow, clock=VirtualClock(START))(tenant)
    uow.close()
    return found


@pytest.mark.parametrize("text", ["a" * 300, "\0"])
def test_a_kept_head_that_is_no_file(text: str) -> None:
    """A text that can be no file's name is no head either."""
    with pytest.raises(InvalidInput, match="--against"):
        read_kept(text, uuid4())


def test_a_kept_file_that_is_no_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused by the option's name."""
    path = tmp_path / "heads"
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="--against names a file that cannot be read"):
        read_kept(str(path), uuid4())


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"TICKETPAY_OPERATOR": "a" * 501}, "TICKETPAY_OPERATOR"),
        ({"name": "a" * 501}, "--as"),
        ({"reason": "a" * 501}, "--reason"),
        ({"reason": "a\0"}, "--reason"),
    ],
)
def test_who_and_why_must_be_kept_as_they_are(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], option: str
) -> None:
    """A name or a reason that the trail cannot hold is refused by where it came from."""
    monkeypatch.setenv("TICKETPAY_OPERATOR", changes.pop("TICKETPAY_OPERATOR", "kim"))
    with pytest.raises(InvalidInput, match=option):
        operator_entry("token.issue", "user", 1, **changes)


@pytest.mark.server
@pytest.mark.parametrize(
    "words",
    [
        ("audit", "verify"),
        ("audit", "list"),
        ("audit", "checkpoint"),
        ("tokens", "issue", "--user", str(uuid4()), "--role", "admin"),
    ],
)
def test_a_tenant_that_is_not_there_proves_nothing(
    fresh_database: Database, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A mistyped tenant is exit 3 and leaves no entry, never an empty trail that is OK."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.app)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    before = fresh_database.counts()
    done = run(*words, "--tenant", str(uuid4()))
    assert done.exit_code == 3
    assert done.stderr.startswith("ticketpay: NOT_FOUND: there is no tenant ")
    assert fresh_database.counts() == before
