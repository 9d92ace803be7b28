"""Disputes on the command line: what banks have asked for and taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contracts.test_disputes import a_dispute
from tests.entrypoints.cli.desk import Desk
from ticketpay.domain.refunds import DISPUTE_MACHINE, DisputeEvent

pytestmark = [pytest.mark.server, pytest.mark.spec("S27")]


def test_the_disputes_of_a_payment_are_listed(desk: Desk) -> None:
    """Amount, fee and state of every dispute, as a table and in JSON; of an unknown payment there are none."""
    payment = desk.buy("visa")
    dispute = a_dispute(payment, datetime.now(UTC), fee_cents=1_500)
    step = DISPUTE_MACHINE.step(dispute.state, DisputeEvent.WITHDRAW)

    def open_it(tx: Any) -> None:
        tx.disputes.add(dispute)
        tx.disputes.move(dispute, step, dispute.created_at)

    words = ("disputes", "list", payment.id, *desk.tenant)
    assert desk.json(*words) == []
    desk.app.parts.uow.run(desk.home.tenant, open_it)
    (view,) = desk.json(*words)
    assert (view["id"], view["status"]) == (str(dispute.id), "open")
    assert (view["amountCents"], view["feeCents"]) == (3, 1_500)
    assert desk.json("disputes", "open", *desk.tenant) == [view]
    shown = desk.run(*words).stdout
    assert dispute.provider_dispute_id in shown
    assert "15.00" in shown
    error = desk.refused("disputes", "list", dispute.id, *desk.tenant, code=3)
    assert error["code"] == "NOT_FOUND"
