"""The settings of limits, of Redis and of trusted proxies; and what is wired from them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.settings import load_settings


@pytest.mark.spec("S10", "S02")
def test_the_defaults_are_those_of_the_rule_book() -> None:
    """Limits are on: 100 a minute by address, 10 payments and 5 refunds by user; no Redis."""
    settings = load_settings({})
    assert settings.enable_rate_limiting
    assert settings.one_purchase_at_a_time
    assert (settings.rate_limit_window_ms, settings.rate_limit_max_requests) == (60_000, 100)
    assert (settings.rate_limit_max_payments, settings.rate_limit_max_refunds) == (10, 5)
    assert (settings.trusted_proxies, bool(settings.redis_url)) == ((), False)


@pytest.mark.spec("S10", "S05")
def test_they_are_read() -> None:
    """Each is read by its name, and the address of Redis, which has a password, is not printed."""
    settings = load_settings(
        {
            "ENABLE_RATE_LIMITING": "false",
            "ONE_PURCHASE_AT_A_TIME": "False",
            "RATE_LIMIT_WINDOW_MS": "1000",
            "RATE_LIMIT_MAX_REQUESTS": "7",
            "RATE_LIMIT_MAX_PAYMENTS": "8",
            "RATE_LIMIT_MAX_REFUNDS": "9",
            "REDIS_URL": "rediss://:hush@cache:6380/2",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1,192.0.2.1,",
        }
    )
    assert not settings.enable_rate_limiting
    assert not settings.one_purchase_at_a_time
    found = (
        settings.rate_limit_window_ms,
        settings.rate_limit_max_requests,
        settings.rate_limit_max_payments,
        settings.rate_limit_max_refunds,
    )
    assert found == (1000, 7, 8, 9)
    assert settings.redis_url.value == "rediss://:hush@cache:6380/2"
    assert "hush" not in repr(settings)
    wanted = [ip_network(text) for text in ("10.0.0.0/8", "::1/128", "192.0.2.1/32")]
    assert list(settings.trusted_proxies) == wanted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENABLE_RATE_LIMITING", "yes"),
        ("ONE_PURCHASE_AT_A_TIME", "1"),
        ("RATE_LIMIT_WINDOW_MS", "0"),
        ("RATE_LIMIT_WINDOW_MS", "86400001"),
        ("RATE_LIMIT_MAX_REQUESTS", "60000001"),
        ("RATE_LIMIT_MAX_PAYMENTS", "60000001"),
        ("RATE_LIMIT_MAX_REFUNDS", "-1"),
        ("REDIS_URL", "localhost:6379"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, text: str) -> None:
    """Each wrong value is an error that names its variable."""
    with pytest.raises(InvalidInput) as found:
        load_settings({name: text})
    assert [error.field for error in found.value.errors] == [name]
