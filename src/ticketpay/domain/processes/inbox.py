"""The inbox process: provider events become facts, each applied in one transaction (S26-S28).

Intake stores what is genuine and answers; the worker claims, applies and marks in one
transaction. An event whose payment is not known yet waits; after five tries it is dead and
somebody is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import NotFound, TicketpayError
from ticketpay.domain.kernel.ids import PaymentId, PayoutId, TenantId, VenueId
from ticketpay.domain.messaging import InboxClaim, InboxStatus, TimerKind, backoff_seconds
from ticketpay.domain.messaging.inbox import ATTEMPTS_MAX
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_case, open_order

if TYPE_CHECKING:
    from ticketpay.domain.messaging import StoredEvent
    from ticketpay.ports.payments import (
        DisputeNotice,
        RefundNotice,
        Reminder,
        WebhookReader,
    )
    from ticketpay.ports.system import Alerts, Clock, Random
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["ProcessInbox", "ReceiveWebhook"]

LEASE_SECONDS: Final = 60
UNKNOWN_SECONDS: Final = 60
"""So long an event waits whose payment nobody knows: the janitor may be about to hear of it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ReceiveWebhook:
    """``POST /webhooks/stripe``: verify the raw bytes, store the event once."""

    uow: UnitOfWork
    reader: WebhookReader
    clock: Clock
    alerts: Alerts

    def __call__(self, raw: bytes, signature: str) -> bool:
        """True if the event is new, False for a duplicate; raises ``SignatureInvalid``."""
        event = self.reader.verify(raw, signature, self.clock.now())
        if event.status in (InboxStatus.INVALID, InboxStatus.UNSUPPORTED):
            self.alerts.raise_alert(
                f"webhook_{event.status}", f"type {event.event_type}", event_id=event.event_id
            )
        known = self._addressed(event)
        return self.uow.platform(lambda tx: tx.inbox.store(known)(), known.home)

    def _addressed(self, event: StoredEvent) -> StoredEvent:
        """An event whose metadata name no tenant belongs to whom its object belongs, if known."""
        if event.home is not None or event.status is not InboxStatus.RECEIVED:
            return event
        # If one database is away the provider sends it again: kept elsewhere it would be lost.
        owners = self.uow.everywhere(lambda tx: tx.inbox.owner(event)(), without_gaps=True)
        tenant, payment = next((owner for owner in owners if owner), ("", ""))
        return attrs.evolve(event, tenant_id=tenant, payment_id=payment) if tenant else event


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ProcessInbox:
    """The worker's step: claim a batch of events and apply each."""

    uow: UnitOfWork
    reader: WebhookReader
    desk: FactDesk
    clock: Clock
    random: Random
    alerts: Alerts

    def __call__(self, limit: int = 20) -> int:
        """Work on up to ``limit`` due events of each database; returns how many were claimed."""
        now = self.clock.now()
        found = self.uow.everywhere(lambda tx: tx.inbox.claim_due(now, LEASE_SECONDS, limit)())
        claims = [claim for claims in found for claim in claims]
        for claim in claims:
            try:
                self._handle(claim)
            except Exception as error:  # noqa: BLE001 - one poisonous event must not stop the others
                self._postpone(claim, type(error).__name__)
        return len(claims)

    def _postpone(self, claim: InboxClaim, error: str) -> None:
        try:
            self._failed(claim, error)
        except Exception as trouble:  # noqa: BLE001 - its database is away: the claim lapses by itself
            self.alerts.raise_alert(
                "inbox_stuck", type(trouble).__name__, event_id=claim.event.event_id
            )

    def _handle(self, claim: InboxClaim) -> None:
        if claim.attempts > ATTEMPTS_MAX:
            self._give_up(claim, "the worker died while processing it")
            return
        try:
            reminder = self.reader.reminder(claim.event)
            if reminder is not None:
                self._remind(claim, reminder)
                return
            tenant, payment = _address(claim)
            self.uow.run(tenant, lambda tx: self._apply(tx, claim, payment))
        except NotFound as error:
            self._failed(claim, f"NotFound: {error}", UNKNOWN_SECONDS)
        except (TicketpayError, ValueError) as error:
            self._failed(claim, f"{type(error).__name__}: {error}")

    def _apply(self, tx: Tx, claim: InboxClaim, payment_id: PaymentId) -> None:
        now = self.clock.now()
        ours = tx.inbox.lock(claim)
        case = open_case(tx, payment_id)
        if not ours():
            return
        refund, dispute = self.reader.refund(claim.event), self.reader.dispute(claim.event)
        if refund is not None:
            note = self._hear_refund(tx, case, refund, now)
        elif dispute is not None:
            note = self._hear_dispute(tx, case, dispute, now)
        else:
            after = self.desk.apply(tx, case, self.reader.fact(claim.event), now)
            note = "applied" if after != case else "known"
        tx.inbox.finish(claim, InboxStatus.PROCESSED, note, now)

    def _hear_refund(self, tx: Tx, case: Case, notice: RefundNotice, now: datetime) -> str:
        whole = open_order(tx, case)
        refund = self.desk.refunds.hear(tx, whole.payment, whole.order, notice, now)
        return f"refund {refund.id} is {refund.state}"

    def _hear_dispute(self, tx: Tx, case: Case, notice: DisputeNotice, now: datetime) -> str:
        dispute = self.desk.disputes.hear(tx, open_order(tx, case), notice, now)
        return f"dispute {dispute.id} is {dispute.state}"

    def _remind(self, claim: InboxClaim, reminder: Reminder) -> None:
        """A reason to look: the worker asks the provider, in whatever order events have come."""
        if not reminder.tenant_id or not reminder.subject_id:
            raise NotFound(f"{claim.event.object_id} is none of ours")
        tenant, subject = TenantId(UUID(reminder.tenant_id)), UUID(reminder.subject_id)

        def note(tx: Tx) -> None:
            now = self.clock.now()
            if not tx.inbox.lock(claim)():
                return
            _require_known(tx, claim.event, reminder.kind, subject)
            tx.timers.set(tenant, reminder.kind, subject, now)
            tx.inbox.finish(claim, InboxStatus.PROCESSED, "to be looked at", now)

        self.uow.run(tenant, note)

    def _failed(self, claim: InboxClaim, error: str, wait_at_least: int = 0) -> None:
        if claim.attempts >= ATTEMPTS_MAX:
            self._give_up(claim, error)
            return
        wait = max(backoff_seconds(claim.attempts - 1, self.random.ppm()), wait_at_least)
        due_at = self.clock.now() + timedelta(seconds=wait)
        self.uow.platform(lambda tx: tx.inbox.retry(claim, error, due_at), claim.event.home)

    def _give_up(self, claim: InboxClaim, error: str) -> None:
        now: datetime = self.clock.now()
        home = claim.event.home
        self.uow.platform(lambda tx: tx.inbox.finish(claim, InboxStatus.DEAD, error, now), home)
        self.alerts.raise_alert("webhook_dead", error, event_id=claim.event.event_id)


def _require_known(tx: Tx, event: StoredEvent, kind: TimerKind, subject: UUID) -> None:
    """Raise ``NotFound`` unless there is such a plan or payout, and at the account of the event."""
    if kind is TimerKind.SUBSCRIPTION:
        if tx.subscriptions.get(VenueId(subject))() is None:
            raise NotFound(f"venue {subject} has no subscription")
        return
    payout = tx.payouts.get(PayoutId(subject))()
    if payout is None or payout.account != event.account:
        raise NotFound(f"there is no payout {subject} at {event.account or 'the platform'}")


def _address(claim: InboxClaim) -> tuple[TenantId, PaymentId]:
    """Whose event it is: by the provider's object id, else by the metadata."""
    if not claim.tenant_id or not claim.payment_id:
        raise NotFound(f"no payment is known for {claim.event.object_id}")
    return TenantId(UUID(claim.tenant_id)), PaymentId(UUID(claim.payment_id))
