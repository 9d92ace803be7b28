"""How much of a payment can go back, and whose money it is (S24 D1, D12; field notes 3.1).

Fees and taxes follow the stored charges: what was not refundable when it was sold is kept. Parts of
a ticket are what the ticket was charged; parts of an amount follow the cumulative rule, rounded down
over everything refunded so far, so that cents never drift and the last refund takes what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.orders import Order
from ticketpay.domain.payments.model import Payment
from ticketpay.domain.payments.states import PaymentState
from ticketpay.domain.pricing.model import Charge, TicketLine
from ticketpay.domain.refunds.disputes import Dispute, DisputeState, charged_back_cents
from ticketpay.domain.refunds.errors import (
    AlreadyRefunded,
    ChargedBack,
    NothingCaptured,
    RefundTooLarge,
    RefundWindowExpired,
    TicketsRefunded,
)
from ticketpay.domain.refunds.model import Refund, Split
from ticketpay.domain.refunds.states import RefundState

__all__ = [
    "RefundRules",
    "Refundable",
    "check_amount",
    "check_window",
    "divided_anew",
    "is_suspended",
    "lost_of_suspense",
    "lost_split",
    "refundable_of",
    "split_of_any",
    "staying",
    "suspended_cents",
    "voiding_the_rest",
]


@attrs.frozen(kw_only=True)
class RefundRules:
    """The house's rules: days from completion (S24 D5); cents above which two people must agree."""

    window_days: int = 30
    approval_cents: int = 100_000


@attrs.frozen(kw_only=True)
class Refundable:
    """A payment as refunds see it, in cents.

    ``sold`` is what can go back at all; ``kept_cents`` was never refundable; ``refunded`` is the sum
    of all refunds that have not failed, those that are under way included, and of lost disputes;
    ``charged_back_cents`` are held by open ones. ``voided`` are the numbers of the tickets that are
    void already; ``disputed`` says that no headroom is left because of disputes.
    """

    sold: Split
    kept_cents: int
    refunded: Split
    charged_back_cents: int
    tickets: tuple[TicketLine, ...]
    voided: frozenset[int]
    disputed: bool = False

    @property
    def headroom_cents(self) -> int:
        """What may still be refunded."""
        left = self.sold.cents - self.refunded.cents - self.charged_back_cents
        return max(0, left)

    def whole(self) -> tuple[Split, tuple[int, ...]]:
        """Everything that is left, with all tickets that are; raises ``AlreadyRefunded``.

        ``ChargedBack``, which is one, when it was a bank that took it.
        """
        numbers = tuple(t.number for t in self.tickets if t.number not in self.voided)
        return self.of_amount(_some(self.headroom_cents, disputed=self.disputed)), numbers

    def of_amount(self, cents: int) -> Split:
        """Whose the ``cents`` are; raises ``RefundTooLarge`` or ``AlreadyRefunded``."""
        self._check(cents)
        total, goal = self.sold.cents, self.refunded.cents + cents
        wanted = Split(
            fees_cents=self.sold.fees_cents * goal // total - self.refunded.fees_cents,
            taxes_cents=self.sold.taxes_cents * goal // total - self.refunded.taxes_cents,
        )
        return self._fitted(wanted, cents)

    def of_tickets(self, numbers: Iterable[int]) -> Split:
        """What these tickets were charged, as far as it is refundable.

        Raises ``InvalidInput`` for a number that the order has not, ``TicketsRefunded``, and as
        ``of_amount``.
        """
        lines = self._lines(tuple(numbers))
        parts = [_split(line.price_cents, line.charges) for line in lines]
        wanted = sum(parts, Split())
        self._check(wanted.cents, tickets=True)
        return self._fitted(wanted, wanted.cents)

    def _lines(self, numbers: tuple[int, ...]) -> list[TicketLine]:
        known = {ticket.number: ticket for ticket in self.tickets}
        errors = [
            FieldError(f"tickets.{place}", f"the order has no ticket {number}")
            for place, number in enumerate(numbers)
            if number not in known
        ]
        if len(set(numbers)) != len(numbers):
            errors.append(FieldError("tickets", "a ticket is named twice"))
        if errors or not numbers:
            raise InvalidInput(errors=tuple(errors) or (FieldError("tickets", "is empty"),))
        if gone := sorted(self.voided.intersection(numbers)):
            raise TicketsRefunded(f"refunded already: {', '.join(map(str, gone))}")
        return [known[number] for number in numbers]

    def _check(self, cents: int, *, tickets: bool = False) -> None:
        left = self.headroom_cents
        check_amount(cents, left, disputed=self.disputed, tickets=tickets)

    def _fitted(self, wanted: Split, cents: int) -> Split:
        """``wanted`` within what is left of each part; the venue bears the rest, then the others."""
        left = self._left
        taxes = min(max(wanted.taxes_cents, 0), left.taxes_cents, cents)
        fees = min(max(wanted.fees_cents, 0), left.fees_cents, cents - taxes)
        venue = min(cents - fees - taxes, left.venue_cents)
        missing = cents - fees - taxes - venue
        more_fees = min(missing, left.fees_cents - fees)
        more_taxes = missing - more_fees
        found = Split(
            venue_cents=venue, fees_cents=fees + more_fees, taxes_cents=taxes + more_taxes
        )
        assert found.cents == cents, "a split is the whole"
        assert 0 <= found.taxes_cents <= left.taxes_cents, "no part gives more than it has"
        return found

    @property
    def _left(self) -> Split:
        """What each part still has: none, where kept charges were given back beyond it."""
        left = self.sold - self.refunded
        return Split(
            venue_cents=max(0, left.venue_cents),
            fees_cents=max(0, left.fees_cents),
            taxes_cents=max(0, left.taxes_cents),
        )


def check_amount(
    cents: int, left_cents: int, *, disputed: bool = False, tickets: bool = False
) -> None:
    """Whether ``cents`` of what is left can be refunded; ``disputed`` if a bank took of it.

    Raises ``InvalidInput`` below one cent, ``AlreadyRefunded``, ``ChargedBack``, ``RefundTooLarge``,
    which names the amount, or the ``tickets`` that come to it.
    """
    if cents < 1:
        raise InvalidInput(errors=(FieldError("amountCents", "must be a positive integer"),))
    if cents > _some(left_cents, disputed=disputed):
        wrong = FieldError("amountCents", f"must be at most {left_cents}")
        if tickets:
            wrong = FieldError("tickets", f"come to {cents} cents, and {left_cents} are left")
        raise RefundTooLarge(
            f"{left_cents} cents are left, {cents} were asked for", errors=(wrong,)
        )


def _some(left_cents: int, *, disputed: bool) -> int:
    if left_cents == 0 and disputed:
        raise ChargedBack("the buyer's bank has taken what is left")
    if left_cents == 0:
        raise AlreadyRefunded("nothing is left to be refunded")
    return left_cents


def _split(tickets_cents: int, charges: Iterable[Charge]) -> Split:
    """The refundable parts of a price and its charges."""
    back = [charge for charge in charges if charge.refundable]
    return Split(
        venue_cents=tickets_cents,
        fees_cents=sum(charge.cents for charge in back if not charge.kind.is_tax),
        taxes_cents=sum(charge.cents for charge in back if charge.kind.is_tax),
    )


def refundable_of(
    payment: Payment,
    order: Order,
    refunds: Iterable[Refund],
    *,
    disputes: Iterable[Dispute] = (),
    charged_back_cents: int = 0,
    everything: bool = False,
) -> Refundable:
    """What can be refunded of ``payment``; ``order`` with its tickets, ``refunds`` all of its own.

    So are ``disputes``; ``charged_back_cents`` went back beside them, in nobody's name.
    ``everything`` gives back what was sold as not refundable, too: the event did not take place.
    Raises ``NothingCaptured`` unless the payment is completed.
    """
    if payment.state is not PaymentState.COMPLETED:
        raise NothingCaptured(f"payment {payment.id} is {payment.state}")
    counted = [refund for refund in refunds if refund.counts]
    known = list(disputes)
    taken = [dispute for dispute in known if dispute.counts]
    charges = [attrs.evolve(c, refundable=c.refundable or everything) for c in order.charges]
    tickets = [
        attrs.evolve(
            t,
            charges=tuple(
                attrs.evolve(c, refundable=c.refundable or everything) for c in t.charges
            ),
        )
        for t in order.tickets
    ]
    sold = _split(order.tickets_cents, charges)
    return Refundable(
        sold=sold,
        kept_cents=payment.received_cents - sold.cents,
        refunded=sum((refund.split for refund in counted if refund.split), Split()),
        charged_back_cents=charged_back_cents + sum(d.amount.cents for d in taken),
        tickets=tuple(tickets),
        # What a won dispute has ended, because others had lost everything, stays void.
        voided=frozenset(
            [n for refund in counted for n in refund.tickets]
            + [n for dispute in known for n in dispute.tickets]
        ),
        disputed=bool(taken) or charged_back_cents > 0,
    )


def split_of_any(payment: Payment, order: Order, refunds: Iterable[Refund], cents: int) -> Split:
    """Whose the ``cents`` of a refund are that nobody here was asked about.

    Charges that were sold as not refundable give only what is beyond the refundable. Raises as
    ``refundable_of`` and ``Refundable.of_amount``.
    """
    known = tuple(refunds)
    usual = refundable_of(payment, order, known)
    first = usual.of_amount(min(cents, usual.headroom_cents)) if usual.headroom_cents else Split()
    if first.cents == cents:
        return first
    all_of_it = refundable_of(payment, order, known, everything=True)
    rest = attrs.evolve(all_of_it, refunded=all_of_it.refunded + first)
    return first + rest.of_amount(cents - first.cents)


def staying(
    waiting: Iterable[Refund], room_cents: int
) -> tuple[tuple[Refund, ...], tuple[Refund, ...]]:
    """Of the requests that wait, those that still fit into the room, and those displaced.

    The oldest come first; one that does not fit takes no room from those behind it.
    """
    stay: list[Refund] = []
    displaced: list[Refund] = []
    for request in waiting:
        if not (request.needs_approval and request.counts):
            continue
        if request.amount.cents <= room_cents:
            room_cents -= request.amount.cents
            stay.append(request)
        else:
            displaced.append(request)
    return tuple(stay), tuple(displaced)


def voiding_the_rest(
    refund: Refund,
    payment: Payment,
    order: Order,
    others: Iterable[Refund],
    *,
    disputes: Iterable[Dispute] = (),
) -> Refund:
    """``refund``, with every ticket that is not void yet when it leaves nothing to be refunded.

    Without this a buyer whose money went back by amounts would keep the tickets. Of the ``others``
    those that wait for approval do not count: they may be rejected.
    """
    if refund.split is None:
        return refund
    begun = [one for one in others if one.id != refund.id and not one.needs_approval]
    # An open dispute may be won: then there is something left.
    known = tuple(disputes)
    lost = [dispute for dispute in known if dispute.state is DisputeState.LOST]
    left = refundable_of(payment, order, [*begun, refund], disputes=lost)
    if left.headroom_cents:
        return refund
    gone = left.voided.union(number for dispute in known for number in dispute.tickets)
    rest = (t.number for t in left.tickets if t.number not in gone)
    return attrs.evolve(refund, tickets=tuple(sorted({*refund.tickets, *rest})))


def is_suspended(payment: Payment) -> bool:
    """Whether the payment's money came for a sale that was over, and lies in suspense (S30)."""
    return payment.state is PaymentState.CANCELLED and payment.received_cents > 0


def suspended_cents(
    payment: Payment, refunds: Iterable[Refund], disputes: Iterable[Dispute] = ()
) -> int:
    """What is left of money in suspense, in cents and never below 0.

    Less every refund that has not failed, and what a bank has taken, for the buyer has it already.
    """
    back = sum(refund.amount.cents for refund in refunds if refund.counts)
    return max(0, payment.received_cents - back - charged_back_cents(disputes))


def lost_of_suspense(
    payment: Payment, refunds: Iterable[Refund], disputes: Iterable[Dispute]
) -> tuple[int, int]:
    """Cents that lost disputes have taken from the suspense account, and from the platform.

    What is on its way to the buyer, or with him, cannot be taken from where it lay: it is the
    platform's loss, unless the refund fails.
    """
    begun = (refund for refund in refunds if refund.counts and not refund.needs_approval)
    back = sum(refund.amount.cents for refund in begun)
    taken = sum(d.amount.cents for d in disputes if d.state is DisputeState.LOST)
    held = min(taken, max(0, payment.received_cents - back))
    return held, taken - held


def lost_split(
    payment: Payment,
    order: Order,
    refunds: Iterable[Refund],
    others: Iterable[Dispute],
    cents: int,
) -> Split:
    """Whose ``cents`` a lost dispute has taken; ``refunds`` and ``others`` of the same payment.

    They are shared like a refund of everything that was sold; what is more than is left of the sale
    is the platform's, under its fees. A refund that cannot be made any more, because the bank was
    there first, does not count. Raises ``NothingCaptured`` unless the payment is completed.
    """
    begun = [refund for refund in refunds if not refund.needs_approval]
    shares = [d.split for d in others if d.state is DisputeState.LOST and d.split]
    left = _beside(refundable_of(payment, order, begun, everything=True), shares)
    if left.headroom_cents < cents:
        sent = [r for r in begun if r.provider_refund_id or r.state is not RefundState.PENDING]
        left = _beside(refundable_of(payment, order, sent, everything=True), shares)
    shared = min(cents, left.headroom_cents)
    split = left.of_amount(shared) if shared else Split()
    return split + Split(fees_cents=cents - shared)


def _beside(left: Refundable, shares: Iterable[Split]) -> Refundable:
    """What is left when lost disputes have taken ``shares``, too."""
    return attrs.evolve(left, refunded=sum(shares, left.refunded))


def divided_anew(
    payment: Payment, order: Order, refunds: Iterable[Refund], disputes: Iterable[Dispute]
) -> tuple[Dispute, ...]:
    """The lost disputes whose shares are others now, of all refunds and disputes of ``payment``.

    Refunds are shared as if no bank had taken anything, and lost disputes take what those leave, so
    that the end does not depend on what was heard of first (S27, S35).
    """
    lost = [each for each in disputes if each.state is DisputeState.LOST and each.split]
    known = tuple(refunds)
    anew: list[Dispute] = []
    for dispute in lost:
        split = lost_split(payment, order, known, anew, dispute.amount.cents)
        anew.append(attrs.evolve(dispute, split=split))
    return tuple(new for new, old in zip(anew, lost, strict=True) if new.split != old.split)


def check_window(payment: Payment, rules: RefundRules, now: datetime) -> None:
    """Raise ``RefundWindowExpired`` later than the window after the payment's completion."""
    assert payment.confirmed_at is not None, "a completed payment knows when it was"
    if now > payment.confirmed_at + timedelta(days=rules.window_days):
        raise RefundWindowExpired(
            f"payment {payment.id} was completed more than {rules.window_days} days ago"
        )
