"""A hundred histories with crashes, lost answers and unruly webhooks: all of them end well."""

from __future__ import annotations

import uuid

import pytest

from tests.simulation.history import SimulationFailed, play
from ticketpay.adapters.memory.ledger import MemoryLedger
from ticketpay.adapters.memory.stock import MemoryStock
from ticketpay.domain.ledger import Posting
from ticketpay.domain.payments import Payment

SEEDS = range(100)


@pytest.mark.spec("S35")
@pytest.mark.spec("S36")
@pytest.mark.spec("S38")
@pytest.mark.spec("S40")
def test_a_hundred_histories_end_well() -> None:
    """Money, stock, ledger, orders and deliveries agree at the end of every history."""
    histories = [play(seed) for seed in SEEDS]
    assert sum(history.crashes for history in histories) > 100
    assert sum(history.paid for history in histories) > 100


@pytest.mark.spec("S36")
def test_a_seed_is_a_history() -> None:
    """The same seed gives the same history, step by step, and another seed another one."""
    assert play(7).digest == play(7).digest != play(8).digest


def found_by(seeds: range = SEEDS) -> int | None:
    """The first seed whose history fails, if there is one."""
    for seed in seeds:
        try:
            play(seed)
        except SimulationFailed:
            return seed
    return None


def never_release(_self: MemoryStock, _order_id: object) -> None:
    """Forget to give the stock back."""


def book_nothing(_self: MemoryLedger, _posting: Posting) -> None:
    """Forget the books."""


def always_new(self: Payment) -> str:
    """A charge key that changes with every attempt."""
    return f"intent:{uuid.uuid4()}"


@pytest.mark.spec("S35")
@pytest.mark.parametrize(
    ("target", "name", "fault"),
    [
        (MemoryStock, "release", never_release),
        (MemoryLedger, "post", book_nothing),
        (Payment, "charge_key", property(always_new)),
    ],
    ids=["stock is never released", "nothing is booked", "every charge has a new key"],
)
def test_a_planted_bug_is_found(
    monkeypatch: pytest.MonkeyPatch, target: type, name: str, fault: object
) -> None:
    """The oracles see a fault that is planted on purpose."""
    monkeypatch.setattr(target, name, fault)
    assert found_by() is not None
