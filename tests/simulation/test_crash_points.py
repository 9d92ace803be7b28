"""A crash at any boundary of any use case, and a repetition, lead to the end without the crash."""

from __future__ import annotations

import pytest

from tests.simulation.crash_points import boundaries, end_of
from tests.simulation.scenarios import SCENARIOS, Scenario
from ticketpay.entrypoints.wiring import App

HELPERS = {"parts", "ready", "close", "redis_state", "metrics", "admit"}
SHOWN_TOGETHER = {
    "show_order": "show_payment",
    "list_sales": "show_payment",
    "estimate_fees": "show_payment",
    "trial_balance": "verify_ledger",
    "show_stats": "verify_ledger",
}


def name_of(scenario: Scenario) -> str:
    return f"{scenario.use_case}: {scenario.path}"


@pytest.mark.spec("S36")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_a_crash_at_any_boundary_changes_no_end(scenario: Scenario) -> None:
    """Whoever repeats what a dead process began comes to the end that it would have come to."""
    steps, wanted = boundaries(scenario), end_of(scenario, 0)
    for place, step in enumerate(steps, 1):
        assert end_of(scenario, place) == wanted, f"after a crash at {place} {step}"


@pytest.mark.spec("S36")
def test_every_use_case_has_its_crash_points() -> None:
    """No use case of the application is missing, and there are more than 500 boundaries."""
    tried = {scenario.use_case for scenario in SCENARIOS}
    fields = {field.name for field in App.__attrs_attrs__} - HELPERS - set(SHOWN_TOGETHER)
    assert fields == tried
    assert sum(len(boundaries(scenario)) for scenario in SCENARIOS) > 500
