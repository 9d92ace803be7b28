"""The composition root: the only module that knows every adapter.

``build`` wires the real adapters from settings; ``assemble`` wires any adapters that fulfil the
ports, which is how the simulator runs the same use cases in memory. Adapters are imported where
they are used, so that ``ticketpay --help`` loads neither Stripe nor a database driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.messaging import EMITTED, ROUTES, check_routes
from ticketpay.domain.pricing import FeeSchedule, tax_table
from ticketpay.domain.processes.bookkeeping import RollUpLedger, TrialBalance, VerifyLedger
from ticketpay.domain.processes.checkout import Checkout
from ticketpay.domain.processes.inbox import ProcessInbox, ReceiveWebhook
from ticketpay.domain.processes.janitor import Janitor
from ticketpay.domain.processes.payment_actions import (
    CancelPayment,
    ConfirmPayment,
    ShowOrder,
    ShowPayment,
)
from ticketpay.domain.processes.provider_facts import FactDesk
from ticketpay.domain.processes.quoting import GiveQuote, PriceBook
from ticketpay.domain.processes.relay import RelayOutbox, ReplayStream

if TYPE_CHECKING:
    from ticketpay.ports.messaging import TicketService
    from ticketpay.ports.payments import PaymentGateway, WebhookReader
    from ticketpay.ports.system import Alerts, Clock, Ids, Random
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["App", "Parts", "assemble"]


@attrs.frozen(kw_only=True)
class Parts:
    """The adapters that an application is made of."""

    uow: UnitOfWork
    gateway: PaymentGateway
    reader: WebhookReader
    tickets: TicketService
    clock: Clock
    ids: Ids
    random: Random
    alerts: Alerts
    fees: FeeSchedule = attrs.field(factory=FeeSchedule)


@attrs.frozen(kw_only=True)
class App:
    """Every use case, ready to be called; ``close`` gives back what the adapters hold."""

    parts: Parts
    give_quote: GiveQuote
    checkout: Checkout
    confirm_payment: ConfirmPayment
    cancel_payment: CancelPayment
    show_payment: ShowPayment
    show_order: ShowOrder
    receive_webhook: ReceiveWebhook
    process_inbox: ProcessInbox
    relay_outbox: RelayOutbox
    replay_stream: ReplayStream
    janitor: Janitor
    roll_up_ledger: RollUpLedger
    trial_balance: TrialBalance
    verify_ledger: VerifyLedger
    close: Callable[[], None] = attrs.field(default=lambda: None)


def assemble(parts: Parts, close: Callable[[], None] = lambda: None) -> App:
    """Wire the use cases; raises ``UnroutedEvent`` when an emitted type has no route."""
    check_routes(EMITTED, ROUTES)
    uow, clock, ids, alerts = parts.uow, parts.clock, parts.ids, parts.alerts
    gateway, random = parts.gateway, parts.random
    desk = FactDesk(ids=ids, alerts=alerts)
    prices = PriceBook(fees=parts.fees, taxes=tax_table())
    return App(
        parts=parts,
        close=close,
        give_quote=GiveQuote(uow=uow, prices=prices, clock=clock, ids=ids),
        checkout=Checkout(uow=uow, gateway=gateway, desk=desk, prices=prices, clock=clock, ids=ids),
        confirm_payment=ConfirmPayment(uow=uow, gateway=gateway, desk=desk, clock=clock),
        cancel_payment=CancelPayment(uow=uow, gateway=gateway, desk=desk, clock=clock),
        show_payment=ShowPayment(uow=uow),
        show_order=ShowOrder(uow=uow),
        receive_webhook=ReceiveWebhook(uow=uow, reader=parts.reader, clock=clock, alerts=alerts),
        process_inbox=ProcessInbox(
            uow=uow, reader=parts.reader, desk=desk, clock=clock, random=random, alerts=alerts
        ),
        relay_outbox=RelayOutbox(
            uow=uow,
            tickets=parts.tickets,
            routes=ROUTES,
            clock=clock,
            random=random,
            alerts=alerts,
        ),
        replay_stream=ReplayStream(uow=uow, clock=clock),
        janitor=Janitor(
            uow=uow, gateway=gateway, desk=desk, clock=clock, ids=ids, random=random, alerts=alerts
        ),
        roll_up_ledger=RollUpLedger(uow=uow),
        trial_balance=TrialBalance(uow=uow),
        verify_ledger=VerifyLedger(uow=uow, gateway=gateway),
    )
