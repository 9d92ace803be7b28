"""Sales: what a status is, and what a day of payments comes to (S07, S17)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.money import Currency
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.sales import SaleCount, SaleStatus, day_totals, sale_status

STATES = st.sampled_from(list(PaymentState))


@pytest.mark.spec("S17", "3.11")
@given(STATES, st.integers(0, 300), st.integers(0, 300))
def test_a_status_follows_from_the_state_and_the_sums(
    state: PaymentState, received: int, refunded: int
) -> None:
    """Only completed payments are refunded: partly below what was received, wholly from there on."""
    status = sale_status(state, received, refunded)
    plain = sale_status(state, received, 0)
    assert plain == {"authorized": "processing"}.get(state, state)
    if state is not PaymentState.COMPLETED or refunded == 0:
        assert status is plain
    elif refunded < received:
        assert status is SaleStatus.PARTIALLY_REFUNDED
    else:
        assert status is SaleStatus.REFUNDED


@pytest.mark.spec("S07 D7", "S07 D9")
@given(st.lists(st.tuples(st.sampled_from(["USD", "EUR"]), STATES, st.integers(1, 9))))
def test_every_payment_is_counted_in_one_column(
    counts: list[tuple[str, PaymentState, int]],
) -> None:
    """Per currency the columns add up to the total, and only completed payments are revenue."""
    rows = [
        SaleCount(
            currency=Currency(code), state=state, count=n, received_cents=10 * n, refunded_cents=n
        )
        for code, state, n in counts
    ]
    totals = day_totals(rows)
    assert [one.currency.code for one in totals] == sorted({code for code, _, _ in counts})
    for one in totals:
        mine = [row for row in rows if row.currency == one.currency]
        assert one.total == sum(row.count for row in mine)
        assert one.total == one.successful + one.failed + one.pending + one.cancelled
        paid = [row for row in mine if row.state is PaymentState.COMPLETED]
        assert one.successful == sum(row.count for row in paid)
        assert one.revenue_cents == sum(row.received_cents for row in paid)
        assert one.refunded_cents == sum(row.refunded_cents for row in paid)
