"""The settings of currencies: how old a rate may be, and who may sell by constants."""

from __future__ import annotations

import pytest

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.money import DEVELOPMENT_RATES
from ticketpay.entrypoints.bootstrap import _exchange_rules
from ticketpay.entrypoints.settings import Settings, load_settings


@pytest.mark.spec("S23", "S02")
def test_the_age_of_rates_is_read() -> None:
    """Three days unless said; no age at all, or none that is a number, is refused."""
    assert load_settings({}).exchange_rate_days_max == 3
    assert load_settings({"EXCHANGE_RATE_DAYS_MAX": "7"}).exchange_rate_days_max == 7
    for text in ("0", "-1", "1.5", "x"):
        with pytest.raises(InvalidInput, match="EXCHANGE_RATE_DAYS_MAX"):
            load_settings({"EXCHANGE_RATE_DAYS_MAX": text})


@pytest.mark.spec("S23")
@pytest.mark.parametrize("env", ["staging", "production"])
def test_only_development_sells_by_constants(env: str) -> None:
    """Staging and production have no rates until somebody loads some."""
    assert _exchange_rules(Settings()).fallback == DEVELOPMENT_RATES
    rules = _exchange_rules(Settings(app_env=env, exchange_rate_days_max=5))
    assert (rules.fallback, rules.days_max) == (None, 5)
