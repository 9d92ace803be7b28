"""Client secrets: what a buyer needs to answer the bank's question; never stored (S11)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.payments import ProviderFact, ProviderStatus

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.messaging import Answer
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["fresh_secret", "with_secret"]


def with_secret(answer: Answer, fact: ProviderFact) -> Answer:
    """The answer with the secret of ``fact``, if it asks for the buyer's action."""
    return attrs.evolve(answer, client_secret=fact.client_secret) if _asks(answer) else answer


def fresh_secret(
    answer: Answer, tenant: TenantId, uow: UnitOfWork, gateway: PaymentGateway
) -> Answer:
    """A replayed answer that asks for action gets its secret from the provider again."""
    if not _asks(answer):
        return answer
    payment_id = PaymentId(UUID(str(answer.body["id"])))
    payment = uow.run(tenant, lambda tx: tx.payments.get(payment_id)())
    if payment is None or payment.ref is None:
        return answer
    return with_secret(answer, gateway.retrieve(payment.ref))


def _asks(answer: Answer) -> bool:
    return answer.body.get("status") == ProviderStatus.REQUIRES_ACTION
