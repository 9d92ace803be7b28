"""Settings: typed, all errors at once, never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.settings import (
    KNOWN_DEFAULTS,
    Secret,
    Settings,
    declarations,
    load_settings,
)

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgresql://app@db/ticketpay",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_one, whsec_two",
    "JWT_SECRET": "j" * 32,
    "INTERNAL_WEBHOOK_SECRET": "i" * 32,
}


def wrong_fields(environ: dict[str, str]) -> set[str]:
    with pytest.raises(InvalidInput) as caught:
        load_settings(environ)
    return {error.field for error in caught.value.errors}


@pytest.mark.spec("S02", "S02 D1")
def test_defaults_are_the_rule_books() -> None:
    """Nothing set gives port 3005, 30 s for the provider and the token's issuer and audience."""
    settings = load_settings({})
    assert (settings.port, settings.payment_timeout_ms) == (3005, 30_000)
    assert (settings.jwt_issuer, settings.jwt_audience) == ("tickettoken", "tickettoken-platform")


@pytest.mark.spec("S02")
def test_every_wrong_number_is_named() -> None:
    """All wrong variables are reported together."""
    environ = {"PORT": "x", "PAYMENT_TIMEOUT_MS": "-1", "DB_POOL_MAX": "0"}
    assert wrong_fields(environ) == {"PORT", "PAYMENT_TIMEOUT_MS", "DB_POOL_MAX"}


@pytest.mark.spec("S07 D3")
def test_origins_are_listed_exactly() -> None:
    """Origins are separated by commas, blanks around them do not count, and an empty list is none."""
    named = load_settings({"CORS_ORIGINS": " https://shop.example ,http://localhost:5173,"})
    assert named.cors_origins == ("https://shop.example", "http://localhost:5173")
    assert load_settings({"CORS_ORIGINS": ""}).cors_origins == ()


@pytest.mark.spec("S07 D3")
@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "shop.example",
        "https://*.shop.example",
        "https://shop.example/",
        "https://shop.example/path",
        "https://user@shop.example",
        "https://Shop.example",
        "ftp://shop.example",
        "https://shop.example:port",
        "https://shop.example https://other.example",
        "https://shop.example\nhttps://other.example",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """A wildcard, null, a path, a user, another scheme: refused, also beside a good origin."""
    assert wrong_fields({"CORS_ORIGINS": origin}) == {"CORS_ORIGINS"}
    assert wrong_fields({"CORS_ORIGINS": f"https://good.example,{origin}"}) == {"CORS_ORIGINS"}


@pytest.mark.spec("S07 D8")
def test_draining_may_take_no_time_but_not_less() -> None:
    """DRAIN_SECONDS is a whole number, 0 unless it is given."""
    found = [load_settings({"DRAIN_SECONDS": text}).drain_seconds for text in ("", "0", "20")]
    assert found == [0, 0, 20]
    for text in ("-1", "1.5", "0x2", "ten", "²", "00"):
        assert wrong_fields({"DRAIN_SECONDS": text}) == {"DRAIN_SECONDS"}


@pytest.mark.spec("S02", "S26")
def test_production_runs_on_real_secrets() -> None:
    """A complete production environment is accepted, with several webhook secrets."""
    settings = load_settings(GOOD)
    assert settings.livemode
    assert settings.stripe_webhook_secrets == (Secret("whsec_one"), Secret("whsec_two"))


@pytest.mark.spec("S02 D4")
@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET"]
)
def test_production_refuses_a_missing_secret(name: str) -> None:
    """R12: no default stands in for a secret."""
    assert name in wrong_fields({k: v for k, v in GOOD.items() if k != name})


@pytest.mark.spec("S02 D4")
@pytest.mark.parametrize("known", sorted(KNOWN_DEFAULTS))
def test_production_refuses_a_known_default(known: str) -> None:
    """The secrets of the source are public and refused."""
    assert "INTERNAL_WEBHOOK_SECRET" in wrong_fields(GOOD | {"INTERNAL_WEBHOOK_SECRET": known})


@pytest.mark.spec("S15 D1")
def test_production_refuses_test_keys_and_the_sandbox() -> None:
    """A test key or another API base never takes production's money."""
    assert wrong_fields(GOOD | {"STRIPE_SECRET_KEY": "sk_test_x"}) == {"STRIPE_SECRET_KEY"}
    assert wrong_fields(GOOD | {"STRIPE_API_BASE": "http://127.0.0.1:1"}) == {"STRIPE_API_BASE"}


@pytest.mark.spec("S02", "S08")
def test_secrets_are_never_printed() -> None:
    """Neither a secret nor the settings show what is inside."""
    shown = repr(Settings(jwt_secrets=(Secret("tell-nobody" * 4),)))
    assert "tell-nobody" not in shown
    assert "***" in shown
    assert wrong_fields({"JWT_SECRET": "short"}) == {"JWT_SECRET"}


@pytest.mark.spec("S04")
def test_the_worker_has_a_role_of_its_own() -> None:
    """Without WORKER_DATABASE_URL the worker uses the same database with its own role."""
    url = "postgresql://ticketpay_app:p%40ss@db:5432/tickets"
    worker = load_settings({"DATABASE_URL": url}).worker_database_url.value
    assert worker == "postgresql://ticketpay_worker:p%40ss@db:5432/tickets"
    given = {"DATABASE_URL": url, "WORKER_DATABASE_URL": "postgresql://w@other/x"}
    assert load_settings(given).worker_database_url.value == "postgresql://w@other/x"


@pytest.mark.spec("S02")
def test_every_setting_declares_itself_once() -> None:
    """Each has a variable of its own, a sentence, and is a secret if its value is."""
    found = list(declarations())
    assert len({declared.name for _, declared in found}) == len(found)
    assert all(declared.says and declared.needed_by for _, declared in found)
    secrets = {field.name for field, _ in found if "Secret" in str(field.type)}
    assert secrets == {field.name for field, declared in found if declared.secret}


@pytest.mark.spec("S02")
def test_the_page_names_every_setting() -> None:
    """No setting is missing in docs/reference/settings.md."""
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert [d.name for _, d in declarations() if f"`{d.name}`" not in page] == []
