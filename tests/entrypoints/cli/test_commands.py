"""The command line: what it loads, how it fails, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import click
import jwt
import pytest
from click.testing import CliRunner
from starlette.requests import Request

from ticketpay.adapters.embedded.process import free_port
from ticketpay.domain.ledger import Account, AccountKind, Balance
from ticketpay.domain.money import USD
from ticketpay.entrypoints.cli.books import balance_rows
from ticketpay.entrypoints.cli.main import COMMANDS, cli
from ticketpay.entrypoints.cli.shell import amount
from ticketpay.entrypoints.demo import CATALOG
from ticketpay.entrypoints.http.auth import Guard

SECRET = "a secret of at least 32 characters: yes"
HEAVY = {"stripe", "psycopg", "starlette", "uvicorn", "httpx", "rich", "jwt"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside, and no stack that happens to run."""
    for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "WORKER_DATABASE_URL", "JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TICKETPAY_DATA", str(tmp_path))


def test_help_loads_nothing_heavy() -> None:
    """``ticketpay --help`` loads neither Stripe, a driver nor a web framework."""
    code = (
        "import sys\n"
        "from ticketpay.entrypoints.cli.main import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit as end: code = end.code\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[] 0"


def test_help_imports_no_command() -> None:
    """The help of the program is written from a table: of our own modules it loads only three."""
    code = (
        "import sys\n"
        "from ticketpay.entrypoints.cli.main import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(n for n in sys.modules if n.startswith('ticketpay.entrypoints.cli.')))\n"
        "print('attrs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    ours = "['ticketpay.entrypoints.cli.main', 'ticketpay.entrypoints.cli.shell']"
    assert done.stdout.splitlines()[-2:] == [ours, "False"]


@pytest.mark.parametrize("word", sorted(COMMANDS))
def test_help_names_the_commands(word: str) -> None:
    """Every command is in the help with its line, is where the table says, and knows its name."""
    assert f"  {word} " in CliRunner().invoke(cli, ["--help"]).output
    assert COMMANDS[word].line in CliRunner().invoke(cli, ["--help"], terminal_width=120).output
    assert COMMANDS[word].load(word).name == word
    assert CliRunner().invoke(cli, [word, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["serve", "--port", "0"],
        ["ledger", "verify"],
        ["ledger", "verify", "--tenant", "x"],
        ["tokens", "issue", "--tenant", str(uuid4()), "--user", str(uuid4()), "--role", "king"],
        ["sandbox", "clock", "--advance", "nan"],
        ["sandbox", "authenticate", "pi_../../x"],
        ["audit", "verify", "--tenant", str(uuid4()), "--against", "nonsense"],
        ["inbox", "list", "--before", "\udcff"],
        ["inbox", "replay", "\udcff", "--tenant", str(uuid4())],
        ["tokens", "issue", "--tenant", "x", "--user", "y", "--role", "admin"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    """A usage error exits with 2."""
    assert CliRunner().invoke(cli, words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["migrate"], "MIGRATION_DATABASE_URL"),
        (["worker"], "WORKER_DATABASE_URL"),
        (["ledger", "verify", "--tenant", str(uuid4())], "DATABASE_URL"),
        (["ledger", "trial-balance", "--tenant", str(uuid4())], "DATABASE_URL"),
        (["catalog", "load", str(CATALOG)], "MIGRATION_DATABASE_URL"),
        (["catalog", "load", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_an_expected_error_is_one_line(words: list[str], missing: str) -> None:
    """An expected error is one clear line on stderr and exit 1, without a traceback."""
    argv = [sys.executable, "-m", "ticketpay.entrypoints.cli.main", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stdout == ""
    assert missing in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_its_database_a_server_says_so(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A server that starts while the database is away ends with one line and exit 5."""
    away = f"postgresql://ticketpay_app:secret@127.0.0.1:{free_port()}/x"
    for name, value in {
        "DATABASE_URL": away,
        "JWT_SECRET": SECRET,
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "INTERNAL_WEBHOOK_SECRET": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, [command])

    assert done.exit_code == 5
    assert done.stderr.startswith("ticketpay: DATABASE_UNAVAILABLE: ")
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


@pytest.mark.spec("S02")
@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(("name", "value"), [("APP_ENV", "production"), ("APP_ENV", "moon")])
def test_production_gets_no_play_money(
    monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str
) -> None:
    """Production refuses the development stack, whatever else is set."""
    monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, [command])

    assert done.exit_code == 1
    assert done.stderr.startswith("ticketpay: VALIDATION_ERROR: ")


def test_half_the_settings_start_no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """``serve`` with a Stripe key and no database says so and starts nothing."""
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    done = CliRunner().invoke(cli, ["serve"])

    assert done.exit_code == 1
    assert "DATABASE_URL must be set, as STRIPE_SECRET_KEY is" in done.stderr


def test_a_port_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PORT that is no number is one clear line."""
    monkeypatch.setenv("PORT", "http")
    done = CliRunner().invoke(cli, ["serve"])

    assert (done.exit_code, done.stdout) == (1, "")
    assert "PORT" in done.stderr


def test_tokens_issue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token names the tenant, the user and the role, and ends after the minutes asked for."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    tenant, user = str(uuid4()), str(uuid4())
    words = ["tokens", "issue", "--tenant", tenant, "--user", user, "--role", "support"]
    done = CliRunner().invoke(cli, [*words, "--minutes", "5"])
    claims = jwt.decode(done.output.strip(), SECRET, ["HS256"], audience="tickettoken-platform")

    assert (claims["tenant"], claims["sub"], claims["role"]) == (tenant, user, "support")
    assert claims["exp"] - claims["iat"] == 300


@pytest.mark.spec("S08")
def test_tokens_issue_to_a_venue_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venues of a manager are a claim that the API reads, as many as the command takes."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    venues = [str(uuid4()) for _ in range(12)]
    words = ["tokens", "issue", "--tenant", str(uuid4()), "--user", str(uuid4())]
    manager = [*words, "--role", "venue_manager"]
    named = [word for venue in venues for word in ("--venue", venue)]
    token = CliRunner().invoke(cli, [*manager, *named]).output.strip()
    sent = Request({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})
    actor = Guard((SECRET,), "tickettoken", "tickettoken-platform").actor(sent)

    assert {str(venue) for venue in actor.venues} == set(venues)
    for wrong in ([*words, "--role", "support", *named], [*manager, *named, *named[:2]]):
        refused = CliRunner().invoke(cli, wrong)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "--venue" in refused.stderr


def test_balance_rows_end_with_the_total() -> None:
    """Debits and credits stand apart and are summed per currency."""
    paid = Account(kind=AccountKind.PROVIDER, party="platform", currency=USD)
    owed = Account(kind=AccountKind.TAX_PAYABLE, party="TN", currency=USD)
    rows = balance_rows([Balance(account=owed, cents=-105), Balance(account=paid, cents=105)])

    assert rows == [
        ("provider platform available", "USD", "1.05", ""),
        ("tax_payable TN available", "USD", "", "1.05"),
        ("total", "USD", "1.05", "1.05"),
    ]


def test_amount() -> None:
    """Cents are shown with two decimals and thousands apart."""
    assert [amount(c) for c in (0, 5, 123_456_789)] == ["0.00", "0.05", "1,234,567.89"]
    assert [amount(c) for c in (-5, -100, -1_234)] == ["-0.05", "-1.00", "-12.34"]


def test_without_its_packages_it_says_what_to_install() -> None:
    """With the library alone the console script gives one line and exit 1, no traceback."""
    code = (
        "import sys\n"
        "sys.modules['click'] = None\n"
        "from ticketpay.entrypoints.cli.start import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    # It is on no package index, so its name alone would install nothing, or somebody else's.
    assert "needs click: pip install '.[server,embedded]' in a clone\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_may_stand_before_the_command() -> None:
    """``ticketpay --json tokens inspect`` says what ``ticketpay tokens inspect --json`` says."""
    words = ["tokens", "inspect", "nonsense"]
    before, after = (CliRunner().invoke(cli, w) for w in (["--json", *words], [*words, "--json"]))
    assert (before.exit_code, before.stderr) == (after.exit_code, after.stderr)
    assert json.loads(before.stderr)["code"] == "VALIDATION_ERROR"


def options(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Option]]:
    """Every option of every command."""
    ctx = click.Context(command)
    yield from ((f"{path} {p.name}", p) for p in command.params if isinstance(p, click.Option))
    group = command if isinstance(command, click.Group) else click.Group()
    for name in group.list_commands(ctx):
        child = group.get_command(ctx, name)
        assert child is not None
        yield from options(child, f"{path} {name}")


def test_every_option_says_what_it_is() -> None:
    """No option is without a word of help."""
    assert [where for where, option in options(cli) if not option.help] == []
