"""The table of the SDK's errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe as sdk

from ticketpay.adapters.stripe.errors import MEANINGS, meaning, translated
from ticketpay.domain.kernel.errors import OutcomeUnknown


def descendants(kind: type[sdk.StripeError]) -> Iterator[type[sdk.StripeError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


@pytest.mark.spec("S15")
def test_every_error_of_the_sdk_has_a_meaning() -> None:
    """No subclass of StripeError, as loaded now, is missing in the table."""
    ours = {kind for kind in descendants(sdk.StripeError) if not kind.__module__.startswith("test")}
    assert {kind.__qualname__ for kind in ours - MEANINGS.keys()} == set()
    assert len(ours) > 30


@pytest.mark.spec("S15")
def test_an_error_of_a_later_sdk_is_unknown() -> None:
    """A class that is not in the table may have moved money."""

    class LaterError(sdk.StripeError):
        __module__ = "test"

    assert isinstance(meaning(LaterError("new")), OutcomeUnknown)


@pytest.mark.spec("S15")
def test_the_cause_is_kept() -> None:
    """A translated error names the SDK's error as its cause."""
    cause = sdk.RateLimitError("slow down")
    with pytest.raises(Exception, match="RateLimitError") as error, translated():
        raise cause
    assert error.value.__cause__ is cause
