"""What a log tells of an error: the way that it took, and nothing that it says."""

from __future__ import annotations

import pytest

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.frames import FRAMES_MAX, frames_of
from ticketpay.domain.money import Currency, UnsupportedCurrency


def _deeper(levels: int) -> None:
    if not levels:
        raise NotFound("whsec_secret")
    _deeper(levels - 1)


@pytest.mark.spec("S09")
def test_the_innermost_lines_are_told_last() -> None:
    """The function that raised comes last; of a long way only its end is told, and no message."""
    with pytest.raises(NotFound) as short:
        _deeper(0)
    frames = frames_of(short.value)
    assert [frame.split(" ")[1] for frame in frames][-1] == "_deeper"
    assert len(frames) == 2
    with pytest.raises(NotFound) as long:
        _deeper(2 * FRAMES_MAX)
    assert len(frames_of(long.value)) == FRAMES_MAX
    assert "secret" not in str(frames_of(long.value))
    assert frames_of(NotFound("never raised")) == []


@pytest.mark.spec("S09")
def test_paths_begin_with_the_package() -> None:
    """Where the project lies on the machine is nobody's business."""
    with pytest.raises(UnsupportedCurrency) as raised:
        Currency.of("xyz")
    last = frames_of(raised.value)[-1]
    assert last.startswith("ticketpay/domain/money/model.py:")
