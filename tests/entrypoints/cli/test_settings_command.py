"""``ticketpay settings``: everything is shown but what is secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.cli.settings_command import near_misses, rows
from ticketpay.entrypoints.settings import declarations

CANARY = "canary-that-sings-for-nobody-at-all"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for _, declared in declarations():
        monkeypatch.delenv(declared.name, raising=False)
    monkeypatch.setenv("TICKETPAY_DATA", str(tmp_path))


def run(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["settings", *words], env=environ)


@pytest.mark.spec("S02")
def test_every_setting_is_shown_with_its_source() -> None:
    """The table names every setting, its value, and whether the environment or a default gave it."""
    done = run(PORT="4000")
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}

    assert done.exit_code == 0
    assert {declared.name for _, declared in declarations()} <= set(lines)
    assert lines["PORT"] == ["4000", "environment"]
    assert lines["SLOW_REQUEST_MS"] == ["1000", "default"]


@pytest.mark.spec("S02", "S08")
@pytest.mark.parametrize("words", [(), ("--json",), ("--check",)])
def test_no_secret_is_shown(words: tuple[str, ...]) -> None:
    """No secret, nor a password in an address, is printed, whatever is asked and refused."""
    secrets = {declared.name: CANARY for _, declared in declarations() if declared.secret}
    done = run(
        *words, TICKET_SERVICE_URL=f"http://user:{CANARY}@tickets", APP_ENV="nowhere", **secrets
    )

    assert done.output
    assert CANARY not in done.output


@pytest.mark.spec("S02")
def test_secrets_are_set_or_not_set() -> None:
    """A secret's value is "set" or "not set"; the worker's address may come from the API's."""
    found = {
        row.name: row for row in rows({"DATABASE_URL": "postgresql://ticketpay_app:x@db/t"}, {})
    }

    assert (found["DATABASE_URL"].value, found["JWT_SECRET"].value) == ("set", "not set")
    assert found["WORKER_DATABASE_URL"].source == "DATABASE_URL"


@pytest.mark.spec("S02")
def test_the_development_stack_is_a_source() -> None:
    """What a running development stack gives is said to be its, unless the environment wins."""
    stack = {"PORT": "4100", "LOG_LEVEL": "debug"}
    found = {row.name: row for row in rows({"LOG_LEVEL": "error"}, stack)}

    assert (found["PORT"].value, found["PORT"].source) == ("4100", "development stack")
    assert (found["LOG_LEVEL"].value, found["LOG_LEVEL"].source) == ("error", "environment")


@pytest.mark.spec("S02", "S02 D4")
def test_check_names_every_refusal_and_what_to_do() -> None:
    """``--check`` exits 1 with every refusal at once, each with what to do about it."""
    done = run("--check", APP_ENV="production", PORT="x")
    refused = [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
    needed = ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET")

    assert done.exit_code == 1
    assert {line.split()[1] for line in refused} == {"PORT", *needed}
    assert all(": " in line.partition("production")[2] for line in refused if "PORT" not in line)
    assert run("--check").exit_code == 0


@pytest.mark.spec("S02")
def test_json_holds_values_refusals_and_warnings() -> None:
    """``--json`` is one document with the settings, the refusals and the near-misses."""
    document = json.loads(run("--json", PORT="x", DATABASE_ULR="y").stdout)
    ports = [row for row in document["settings"] if row["name"] == "PORT"]

    assert document["ok"] is False
    assert ports[0]["value"] == "3005"
    assert ports[0]["refused"] == "must be a positive integer"
    zero, less = (
        json.loads(run("--json", PAYOUT_MINIMUM_CENTS=value).stdout) for value in ("0", "-1")
    )
    minimum = [
        next(row for row in found["settings"] if row["name"] == "PAYOUT_MINIMUM_CENTS")["refused"]
        for found in (zero, less)
    ]
    assert minimum == [None, "must be an integer, at least 0"]
    assert {"name": "DATABASE_ULR", "meant": "DATABASE_URL"} in document["warnings"]


@pytest.mark.spec("S02")
def test_near_misses_are_warned_about() -> None:
    """A name that is nearly a setting's is named with what was meant; others are left alone."""
    names = ["DATABASE_ULR", "jwt_secret", "STRIPE_WEBHOOK_SECRETS", "PATH", "DATABASE_URL", "HOME"]

    assert near_misses(names) == [
        ("DATABASE_ULR", "DATABASE_URL"),
        ("STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET"),
        ("jwt_secret", "JWT_SECRET"),
    ]
    done = run("--check", DATABASE_ULR="x")
    assert done.exit_code == 0
    assert "did you mean DATABASE_URL?" in done.stderr


@pytest.mark.spec("S02")
def test_what_a_program_will_miss_is_warned_about() -> None:
    """With a database and nothing else, serve and worker each say what they will not start without;
    without one, the development stack brings it all."""
    done = run("--check", DATABASE_URL="postgresql://ticketpay_app:x@db/shop")
    said = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert said == [
        f"warning: ticketpay {program} needs {name}"
        for program, last in (("serve", "JWT_SECRET"), ("worker", "INTERNAL_WEBHOOK_SECRET"))
        for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", last)
    ]
    document = json.loads(run("--json", DATABASE_URL="postgresql://x@db/shop").stdout)
    assert {"name": "JWT_SECRET", "neededBy": "serve"} in document["warnings"]
    assert "needs" not in run("--check").stderr
