"""The settings of taxes: nexus, and TaxJar."""

from __future__ import annotations

import pytest

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.settings import load_settings


@pytest.mark.spec("S58", "S59")
def test_the_defaults() -> None:
    """Nexus is in Tennessee only; TaxJar is asked by nobody, and would have 3 seconds."""
    settings = load_settings({})
    assert settings.nexus_states == {"TN"}
    assert not settings.taxjar_api_key
    assert (settings.taxjar_api_base, settings.taxjar_timeout_ms) == ("", 3_000)


@pytest.mark.spec("S58", "S59", "S05")
def test_they_are_read() -> None:
    """Each is read by its name; the key is not printed; no nexus anywhere can be said."""
    settings = load_settings({"NEXUS_STATES": "TN, DC,", "TAXJAR_API_KEY": "hush"})
    assert settings.nexus_states == {"TN", "DC"}
    assert settings.taxjar_api_key.value == "hush"
    assert "hush" not in repr(settings)
    assert load_settings({"NEXUS_STATES": ""}).nexus_states == frozenset()


@pytest.mark.spec("S58 D6", "S59")
@pytest.mark.parametrize("text", ["PR", "tn", "Tennessee", "TN;CA", "TN CA"])
def test_nexus_in_a_place_without_rules_is_refused(text: str) -> None:
    """A place that is no state and not DC is named before anybody wants to buy there."""
    with pytest.raises(InvalidInput, match=r"NEXUS_STATES: .*two-letter states or DC"):
        load_settings({"NEXUS_STATES": text})


@pytest.mark.spec("S58", "S02")
def test_production_refuses_a_test_server_for_taxes() -> None:
    """In production TaxJar is TaxJar."""
    with pytest.raises(InvalidInput, match="TAXJAR_API_BASE: a test server is refused"):
        load_settings({"APP_ENV": "production", "TAXJAR_API_BASE": "http://127.0.0.1:1"})
