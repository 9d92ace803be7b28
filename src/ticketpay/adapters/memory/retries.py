"""The tries of failed payments in memory."""

from __future__ import annotations

from typing import Final

import attrs

from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.payments import Circumstances, Payment, PaymentState, Retry, RetryAction
from ticketpay.ports.later import Later

__all__ = ["MemoryRetries"]

_UNDER_WAY: Final = (PaymentState.PENDING, PaymentState.PROCESSING, PaymentState.AUTHORIZED)


@attrs.frozen
class MemoryRetries:
    """``Retries`` over the tables of one tenant."""

    tables: TenantTables

    def add(self, retry: Retry) -> None:
        if retry.payment_id not in self.tables.payments:
            raise Conflict(f"there is no payment {retry.payment_id}")
        made = self.tables.retries.lock(retry.payment_id) or ()
        asked = [one.number for one in made if one.action is RetryAction.ASK_BUYER]
        if retry.action is RetryAction.ASK_BUYER and asked not in ([], [retry.number]):
            raise Conflict(f"the buyer of payment {retry.payment_id} was asked already")
        if all(one.number != retry.number for one in made):
            self.tables.retries.put(retry.payment_id, (*made, retry))

    def end(self, payment_id: PaymentId, outcome: str) -> None:
        made = self.tables.retries.lock_found(payment_id) or ()
        ended = tuple(one if one.outcome else attrs.evolve(one, outcome=outcome) for one in made)
        if ended != made:
            self.tables.retries.put(payment_id, ended)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Retry, ...]]:
        made = self.tables.retries.get(payment_id) or ()
        return known(tuple(sorted(made, key=lambda retry: retry.number)))

    def around(self, payment: Payment) -> Later[Circumstances]:
        event = self.tables.events.get(payment.event_id)
        assert event is not None, "a payment cannot exist without its event"
        others = [
            other
            for other in self.tables.payments.values()
            if (other.user_id, other.event_id) == (payment.user_id, payment.event_id)
            and other.order_id != payment.order_id
        ]
        return known(
            Circumstances(
                starts_at=event.starts_at,
                on_sale=event.on_sale,
                bought_again=any(_is_bought(other, payment) for other in others),
                tried_again=any(_is_later(other, payment) for other in others),
                newest_at=max((other.created_at for other in others), default=None),
            )
        )


def _is_bought(other: Payment, payment: Payment) -> bool:
    paid_at = other.confirmed_at
    return other.state in _UNDER_WAY or (paid_at is not None and paid_at >= payment.created_at)


def _is_later(other: Payment, payment: Payment) -> bool:
    later = (other.created_at, other.id) > (payment.created_at, payment.id)
    return other.state is PaymentState.FAILED and later
