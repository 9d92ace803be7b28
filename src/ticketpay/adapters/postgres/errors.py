"""The one table from PostgreSQL's errors to ours: by named constraint, then by SQLSTATE class.

``connect`` is for the few connections outside a pool: whoever starts while the server is away is
told so in our words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors as pg

from ticketpay.domain.catalog import EventCancelled
from ticketpay.domain.inventory import SeatUnavailable, SoldOut
from ticketpay.domain.kernel.errors import Conflict, Forbidden, TicketpayError, Unavailable
from ticketpay.domain.ledger import PostingMixed

__all__ = ["CONSTRAINTS", "as_owner", "connect", "is_retryable", "translate"]

CONSTRAINTS: Final[dict[str, type[TicketpayError]]] = {
    "stock_not_oversold": SoldOut,
    "stock_held": SoldOut,
    "seats_taken": SeatUnavailable,
    "event_cancellations_pkey": EventCancelled,
    "event_cancellations_tenant_id_event_id_fkey": Conflict,
    "events_tenant_id_venue_id_fkey": Conflict,
    "ticket_types_tenant_id_event_id_fkey": Conflict,
    "payments_tenant_id_order_id_fkey": Conflict,
    "refunds_tenant_id_payment_id_fkey": Conflict,
    "stock_holds_tenant_id_order_id_fkey": Conflict,
    "payments_one_open": Conflict,
    "ledger_postings_pkey": Conflict,
    "ledger_entries_account_currency": PostingMixed,
    "order_version": Conflict,
    "payment_version": Conflict,
    "refund_version": Conflict,
    "payout_version": Conflict,
    "payouts_tenant_id_venue_id_fkey": Conflict,
    "subscription_version": Conflict,
    "venue_subscriptions_tenant_id_venue_id_fkey": Conflict,
    "plan_invoices_venue": Conflict,
    "venue_accounts_tenant_id_venue_id_fkey": Conflict,
    "payment_retries_tenant_id_payment_id_fkey": Conflict,
    "payment_retries_asked_once": Conflict,
    "refunds_provider": Conflict,
    "disputes_tenant_id_payment_id_fkey": Conflict,
    "disputes_provider": Conflict,
    "dispute_version": Conflict,
    "stock_returned": Conflict,
    "stock_sold": Conflict,
    "provider_ref_owner": Conflict,
    "idempotency_epoch": Conflict,
    "audit_head": Conflict,
    "audit_waiting": Conflict,
}
"""Named constraints and named expectations (``tp_expect``)."""

_EXPECTATION_FAILED: Final = "TP001"


def is_retryable(error: psycopg.Error) -> bool:
    """Whether the whole transaction should simply be run again."""
    return isinstance(error, pg.SerializationFailure | pg.DeadlockDetected)


def translate(error: psycopg.Error) -> Exception:
    """Our error for ``error``; a database error that means a bug comes back unchanged."""
    name = error.diag.constraint_name or ""
    if error.sqlstate == _EXPECTATION_FAILED:
        name = error.diag.message_primary or ""
    if name in CONSTRAINTS:
        return CONSTRAINTS[name](f"the database refused: {name}")
    if isinstance(error, pg.UniqueViolation):
        return Conflict(f"the database refused: {name}")
    if isinstance(error, psycopg.OperationalError):
        return Unavailable("the database is not available", code="DATABASE_UNAVAILABLE")
    return error


def connect(dsn: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A connection outside any pool; raises ``Unavailable`` with the server's reason."""
    try:
        return psycopg.connect(dsn, autocommit=autocommit)
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0]
        raise Unavailable(
            f"the database is not available: {reason}", code="DATABASE_UNAVAILABLE"
        ) from error


@contextmanager
def as_owner(dsn: str, *, autocommit: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """The same for the owner's work; raises ``Forbidden`` when the role may not do it."""
    try:
        with connect(dsn, autocommit=autocommit) as connection:
            yield connection
    except pg.InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise Forbidden(
            f"the role of MIGRATION_DATABASE_URL lacks a right: {reason}", code="OWNER_REQUIRED"
        ) from error
