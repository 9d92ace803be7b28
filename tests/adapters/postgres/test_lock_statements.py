"""A statement that locks several rows locks them in the order of their keys (decision 9)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast
from uuid import uuid4

import pytest

from tests.support.leaks import CONTEXTS
from ticketpay.adapters.postgres.inventory import PostgresStock
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import OrderId, TenantId

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session

ONE_ROW: Final = {
    "cancellations.lock_cancellation": "a whole primary key",
    "disputes.lock": "a whole primary key",
    "messaging.lock_event": "a whole primary key",
    "messaging.lock_key": "a whole primary key",
    "messaging.lock_timer": "a whole primary key",
    "orders.lock_order": "a whole primary key",
    "orders.lock_order_of_payment": "a payment has one order",
    "payments.lock_payment": "a whole primary key",
    "payouts.lock_account": "a whole primary key",
    "payouts.lock_payout": "a whole primary key",
    "refunds.lock": "a whole primary key",
    "subscriptions.lock_subscription": "a whole primary key",
}


def unordered(statements: dict[str, str]) -> set[str]:
    """The statements that wait for rows, and name no order in which they take them."""
    return {
        name
        for name, text in statements.items()
        if re.search(r"\bFOR UPDATE\b(?!.*SKIP LOCKED)", text)
        and not re.search(r"ORDER BY [\w., ]+\nFOR UPDATE", text)
    }


@pytest.mark.spec("S14")
def test_whoever_waits_for_several_rows_takes_them_in_order() -> None:
    """Every FOR UPDATE of more than one row has an ORDER BY directly before it."""
    found = {f"{c}.{name}": text for c in CONTEXTS for name, text in load(c).items()}
    assert unordered(found) == set(ONE_ROW)
    assert sum("FOR UPDATE" in text for text in found.values()) > len(ONE_ROW) + 6


class Noting:
    """A session that only notes what it is asked to write."""

    tenant_id = TenantId(uuid4())

    def __init__(self) -> None:
        self.noted: list[str] = []

    def write(self, statement: str, _values: object) -> None:
        self.noted.append(statement)


@pytest.mark.spec("S14")
def test_a_release_takes_the_types_before_it_changes_them() -> None:
    """The update of a release has no order of its own, so the ordered lock comes first."""
    session, sql = Noting(), load("inventory")
    PostgresStock(cast("Session", session)).release(OrderId(uuid4()))
    assert session.noted == [sql["lock_held_types"], sql["release"]]


@pytest.mark.spec("S14")
def test_the_lint_finds_a_lock_without_an_order() -> None:
    """A lock whose ORDER BY is taken away is reported."""
    broken = load("inventory")["lock_held_types"].replace("ORDER BY type_id\n", "")
    assert unordered({"broken": broken}) == {"broken"}
