"""The words, codes, bounds and shapes of admission that others rely on."""

from __future__ import annotations

import attrs
import pytest

from tests.spec.shapes import by_name, words
from ticketpay.domain.admission import (
    SUBJECT_LENGTH_MAX,
    Decision,
    Limit,
    PurchaseInProgress,
    RateLimited,
    Turn,
)

DAY_US = 24 * 3600 * 1_000_000


@pytest.mark.spec("S16")
def test_the_words_of_turns() -> None:
    """What a purchase finds is one of three words."""
    assert words(Turn) == "taken known refused"


@pytest.mark.spec("S10", "S16")
def test_codes() -> None:
    """Each refusal has the code that clients rely on, and says when to come again."""
    assert RateLimited().error_code == "RATE_LIMITED"
    assert RateLimited(retry_after_seconds=6).retry_after_seconds == 6
    assert PurchaseInProgress().error_code == "PURCHASE_IN_PROGRESS"
    assert PurchaseInProgress().retry_after_seconds == 1


@pytest.mark.spec("S10")
@pytest.mark.parametrize("value", [Limit, Decision])
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of a limit and of a decision no two figures can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S10")
@pytest.mark.parametrize(
    ("name", "burst", "period_us"),
    [("a", 1, 1), ("a" + "-9" * 15 + "z", 10**11, 1), ("payments", 10**11, DAY_US)],
)
def test_the_bounds_of_a_limit_are_within(name: str, burst: int, period_us: int) -> None:
    """The shortest and the longest name, the least and the greatest figures are accepted."""
    limit = Limit(name=name, burst=burst, period_us=period_us)

    assert (limit.name, limit.burst, limit.period_us) == (name, burst, period_us)


@pytest.mark.spec("S10")
def test_a_subject_has_at_most_200_characters() -> None:
    """Every counter refuses a longer subject at the same length."""
    assert SUBJECT_LENGTH_MAX == 200
