"""What the port of taxes promises, in memory and over TaxJar's client against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from tests.support.taxjar_server import TaxJarServer, answer
from ticketpay.adapters.memory import MemoryTaxRates
from ticketpay.adapters.taxjar import TaxJarRates
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.pricing import Address, ChargeKind, TaxQuestion
from ticketpay.ports.tax import TaxRates

QUESTION = TaxQuestion(
    amount_cents=9_999,
    venue_city="Dallas",
    venue_state="TX",
    customer=Address(street="1 Elm St", city="Austin", state="TX", zip="78701"),
)


@attrs.frozen
class Calculator:
    """One adapter, and how its next answer is made to fail."""

    rates: TaxRates
    fail_once: Callable[[], None]


@pytest.fixture(params=["memory", "taxjar"])
def calculator(request: pytest.FixtureRequest) -> Iterator[Calculator]:
    """One adapter after the other."""
    if request.param == "memory":
        memory = MemoryTaxRates()
        yield Calculator(memory, lambda: memory.failures.append(Unavailable("down")))
        return
    with TaxJarServer.running() as server:

        def fail_once() -> None:
            def failed(_: object) -> tuple[int, bytes]:
                server.reply = answer
                return 500, b""

            server.reply = failed

        yield Calculator(TaxJarRates.create("key", api_base=server.url), fail_once)


@pytest.mark.spec("S58")
def test_an_answer_has_parts_in_cents(calculator: Calculator) -> None:
    """There is a state part first, none is negative, and together they are less than the amount."""
    parts = calculator.rates.ask(QUESTION)
    assert parts[0].kind is ChargeKind.STATE_TAX
    assert parts[0].name == "TX Sales Tax"
    assert all(part.kind.is_tax and type(part.cents) is int and part.cents >= 0 for part in parts)
    assert 0 < sum(part.cents for part in parts) < QUESTION.amount_cents
    assert [part.cents for part in parts[:1]] == [625]


@pytest.mark.spec("S58 D4")
def test_the_same_question_has_the_same_answer(calculator: Calculator) -> None:
    """Asked again at once, the calculator answers the same."""
    assert calculator.rates.ask(QUESTION) == calculator.rates.ask(QUESTION)


@pytest.mark.spec("S58 D3", "3.10")
def test_no_answer_is_unavailable_and_not_remembered(calculator: Calculator) -> None:
    """A calculator that fails raises Unavailable, once for each failure."""
    calculator.fail_once()
    with pytest.raises(Unavailable):
        calculator.rates.ask(QUESTION)
    assert calculator.rates.ask(QUESTION)
