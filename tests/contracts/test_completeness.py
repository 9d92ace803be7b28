"""Whether the contract suites are complete: nothing of a port is left to chance on any adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.contracts import (
    RECORDER,
    SUITES,
    Recorder,
    adapters,
    calls_of,
    fulfilling,
    missing,
    ports,
)

NO_PORTS = ("conftest", "test_completeness", "test_constraints")
"""Modules of this folder that are about several ports at once."""


def _whole(request: pytest.FixtureRequest) -> bool:
    """Whether this session runs all contract tests."""
    option = request.config.option
    modules = {item.path.stem for item in request.session.items}
    named = {suite for suites in SUITES.values() for suite in suites}
    narrowed: Sequence[object] = (option.keyword, option.markexpr, option.lf)
    return not any(narrowed) and named <= modules


def test_every_method_of_every_adapter_is_exercised_by_its_suite(
    request: pytest.FixtureRequest,
) -> None:
    """Each method of a port is called, on each adapter that fulfils it, by a test of its suite."""
    if not _whole(request):
        pytest.skip("not all contract suites run in this session")
    assert missing(RECORDER.seen) == []


def test_every_port_has_a_suite_and_every_suite_a_port() -> None:
    """The table of suites names every Protocol, every module, and nothing that is gone."""
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")}
    named = {suite for suites in SUITES.values() for suite in suites}
    assert {port.__name__ for port in ports()} == set(SUITES)
    assert named | set(NO_PORTS) == modules


def test_every_port_has_an_adapter_for_tests_and_one_for_work() -> None:
    """Each port is fulfilled at least once by production code, and by something to test against."""
    alone = {
        "Later",
        "PayoutGateway",
        "PlanBilling",
        "WebhookReader",
    }  # memory has none; the sandbox is behind them
    for port in ports():
        names = [adapter.__name__ for adapter in adapters(port)]
        assert len(names) >= (1 if port.__name__ in alone else 2), f"{port.__name__}: {names}"


class Bell(Protocol):
    def ring(self, times: int) -> bool: ...


class Brass:
    def ring(self, times: int) -> bool:
        return bool(times)


class Wood:
    def ring(self, count: int) -> bool:
        return bool(count)


class Rope:
    def ring(self, times: int) -> int:
        return times


def test_an_adapter_is_found_by_what_it_can() -> None:
    """A class with the port's parameters and result fulfils it; with others it does not."""
    assert calls_of(Bell) == ["ring"]
    assert fulfilling(Bell, [Brass, Wood, Rope, Bell]) == [Brass]


def test_what_nobody_calls_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that only tests of other suites have called counts as not exercised."""
    recorder = Recorder()
    monkeypatch.setitem(SUITES, "Bell", ("test_bell",))
    recorder._wrap(Bell, Brass, "ring")
    for test in ("", "test_tower::test_it", "test_bell::test_it"):
        assert missing(recorder.seen) == ["Bell.ring of Brass"]
        recorder.test = test
        assert Brass().ring(2)
    assert missing(recorder.seen) == []
