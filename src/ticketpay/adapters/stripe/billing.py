"""Plans at Stripe: a customer for each venue, a price for each plan, a subscription of 30 days (S19).

Everything of ours is found again by what is written on it: a price by its lookup key, a
subscription by our id in its metadata. A first payment that is declined leaves a subscription that
could still be paid: it is ended before anybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import stripe

from ticketpay.adapters.stripe.connection import connect, plain, utc_now
from ticketpay.adapters.stripe.errors import failure_of, meaning, translated
from ticketpay.adapters.stripe.gateway import CLOCK_SKEW_SECONDS, KEY_SECONDS_MAX, sendable
from ticketpay.adapters.stripe.transport import Transport
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.ledger import ProviderTotal
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import Failure, PaymentDeclined
from ticketpay.domain.subscriptions import (
    BILLING_DAYS,
    NEVER_SENT,
    WISH_OVER,
    BillingFact,
    BillingStatus,
    PaidInvoice,
    Plan,
    PlanWish,
    Subscription,
)

__all__ = ["StripeBilling", "plan_details"]

_Json = Mapping[str, Any]

_STATUSES: Final = {
    "incomplete": BillingStatus.INCOMPLETE,
    "active": BillingStatus.ACTIVE,
    "trialing": BillingStatus.ACTIVE,
    "past_due": BillingStatus.PAST_DUE,
    "unpaid": BillingStatus.PAST_DUE,
    "paused": BillingStatus.PAST_DUE,
    "canceled": BillingStatus.ENDED,
    "incomplete_expired": BillingStatus.ENDED,
}
_ASKS: Final = ("requires_action", "processing")
_DECLINED: Final = ("requires_payment_method", "canceled")


@attrs.frozen(kw_only=True)
class StripeBilling:
    """``PlanBilling`` over the official SDK; safe to share between threads."""

    _client: stripe.StripeClient = attrs.field(repr=False)
    _now: Callable[[], datetime]

    @classmethod
    def create(
        cls,
        secret_key: str,
        *,
        api_base: str = "",
        timeout_seconds: float = 30.0,
        transport: Transport | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> StripeBilling:
        """Billing through Stripe, ``api_base`` or an in-process ``transport``."""
        made = connect(
            secret_key, api_base=api_base, timeout_seconds=timeout_seconds, transport=transport
        )
        return cls(client=made.client, now=now)

    def start(self, tenant_id: TenantId, held: Subscription, plan: Plan) -> BillingFact:
        """Customer, card, price, subscription; each under a key of its own, looked for once old."""
        wish = _wish(held)
        ident = held.provider_id or self._started(tenant_id, held, wish, plan)
        shown = self._shown(ident)
        fact = self._fact(tenant_id, held, shown)
        if fact.paid or fact.status not in (BillingStatus.INCOMPLETE, BillingStatus.ENDED):
            return fact
        intent = self._intent(shown)
        if fact.status is BillingStatus.INCOMPLETE:
            if intent.get("status") in _ASKS:
                return attrs.evolve(fact, client_secret=str(intent.get("client_secret") or ""))
            if intent.get("status") in _DECLINED:
                self._cancel(ident)
            # The bank may have answered, and the buyer paid, at any moment until now.
            fact = self._fact(tenant_id, held, self._shown(ident))
            if fact.paid or fact.status is not BillingStatus.ENDED:
                return fact
        raise PaymentDeclined(_reason(intent))

    def switch(self, tenant_id: TenantId, held: Subscription, plan: Plan) -> BillingFact:
        """First what pays, then what is open, then the price; without proration."""
        wish = _wish(held)
        if self._is_old(wish):
            return self._came_of(tenant_id, held, plan)
        if wish.method:
            method = self._attached(held, wish, held.customer_id)
            self._update(held, wish, "default", {"default_payment_method": method})
        shown = self._shown(held.provider_id)
        status = _STATUSES[shown["status"]]
        if status is BillingStatus.PAST_DUE:
            self._pay(held, wish, shown)
        if status is not BillingStatus.ENDED:
            item = shown["items"]["data"][0]
            price: Any = {
                "items": [{"id": item["id"], "price": self._price(held, wish, plan)}],
                "proration_behavior": "none",
                "cancel_at_period_end": False,
                "metadata": {"plan": str(plan.id)},
            }
            self._update(held, wish, "switch", price)
        return self.retrieve(tenant_id, held)

    def end(self, tenant_id: TenantId, held: Subscription) -> BillingFact:
        """``cancel_at_period_end``; what waits for its first payment is cancelled now."""
        wish = _wish(held)
        status = _STATUSES[self._shown(held.provider_id)["status"]]
        if status is BillingStatus.INCOMPLETE:
            self._cancel(held.provider_id)
        elif status is not BillingStatus.ENDED and not self._is_old(wish):
            self._update(held, wish, "end", {"cancel_at_period_end": True})
        fact = self.retrieve(tenant_id, held)
        if fact.cancels_at is None and fact.status is not BillingStatus.ENDED:
            # Once it can come no more, the fact says that nothing has ended.
            self._await_the_last(held, wish)
        return fact

    def retrieve(self, tenant_id: TenantId, held: Subscription) -> BillingFact:
        """The subscription, whether its latest invoice is paid, and all paid ones of the customer."""
        shown = self._shown(held.provider_id)
        secret = ""
        if shown["status"] == "incomplete":
            intent = self._intent(shown)
            secret = str(intent.get("client_secret") or "") if intent["status"] in _ASKS else ""
        return self._fact(tenant_id, held, shown, secret)

    def totals(self, tenant_id: TenantId) -> Iterator[ProviderTotal]:
        """Every paid invoice of the tenant's subscriptions."""
        for paid in map(_paid, self._invoices(tenant_id, {})):
            yield ProviderTotal(
                payment_id=paid.id,
                account="",
                currency=paid.amount.currency.code,
                cents=paid.amount.cents,
            )

    def _started(self, tenant_id: TenantId, held: Subscription, wish: PlanWish, plan: Plan) -> str:
        """The id of the subscription that was made for the wish; raises ``PaymentDeclined``."""
        if self._is_old(wish):
            known = self._found(held, wish)
            if known is None:
                self._await_the_last(held, wish)
                raise PaymentDeclined(NEVER_SENT)
            return known
        ours = _ours(tenant_id, held)
        if held.customer_id:
            self._end_others(held, wish, ours)
        customer = held.customer_id or self._customer(held, wish, ours)
        params: Any = {
            "customer": customer,
            "default_payment_method": self._attached(held, wish, customer),
            "items": [{"price": self._price(held, wish, plan)}],
            "metadata": ours | {"plan": str(plan.id), "wish": str(wish.number)},
            "payment_behavior": "allow_incomplete",
        }
        options = _keyed(held, wish, "start")
        with translated(but=(stripe.APIError,)):
            try:
                return self._client.v1.subscriptions.create(params, options).id
            except stripe.APIError as error:
                # Under this key the provider would repeat its failure for a day: look for it now.
                known = self._found(held, wish)
                if known is None:
                    raise meaning(error) from error
                return known

    def _customer(self, held: Subscription, wish: PlanWish, ours: dict[str, str]) -> str:
        """The venue at Stripe; a second one, where the first was never heard of, pays for nothing."""
        named: Any = {"metadata": ours, "description": f"venue {held.venue_id}"}
        with translated():
            return self._client.v1.customers.create(named, _keyed(held, wish, "customer")).id

    def _attached(self, held: Subscription, wish: PlanWish, customer: str) -> str:
        """What pays belongs to the customer; raises ``PaymentDeclined`` when Stripe refuses it."""
        params: Any = {"customer": customer}
        options = _keyed(held, wish, "method")
        with translated(but=(stripe.CardError, stripe.InvalidRequestError)):
            try:
                return self._client.v1.payment_methods.attach(wish.method, params, options).id
            except (stripe.CardError, stripe.InvalidRequestError) as error:
                raise PaymentDeclined(failure_of(error)) from error

    def _price(self, held: Subscription, wish: PlanWish, plan: Plan) -> str:
        """Made once for each plan and amount; who comes second finds it by its lookup key."""
        key = f"ticketpay_{plan.id}_{plan.price.cents}_{plan.price.currency.code}_{BILLING_DAYS}d"
        asked: Any = {"lookup_keys": [key], "limit": 1}
        params: Any = {
            "currency": plan.price.currency.code.lower(),
            "unit_amount": plan.price.cents,
            "recurring": {"interval": "day", "interval_count": BILLING_DAYS},
            "product_data": {"name": f"{plan.name}, {BILLING_DAYS} days"},
            "lookup_key": key,
            "metadata": {"plan": str(plan.id)},
        }
        with translated():
            for known in self._client.v1.prices.list(asked).data:
                return known.id
            return self._client.v1.prices.create(params, _keyed(held, wish, "price")).id

    def _update(self, held: Subscription, wish: PlanWish, what: str, changes: Any) -> None:
        options = _keyed(held, wish, what)
        with translated(), _ended_already():
            self._client.v1.subscriptions.update(held.provider_id, changes, options)

    def _pay(self, held: Subscription, wish: PlanWish, shown: _Json) -> None:
        """Collect what is open now; raises ``PaymentDeclined``."""
        options = _keyed(held, wish, "pay")
        with translated():
            invoice = self._client.v1.invoices.retrieve(shown["latest_invoice"])
            if invoice.status == "open":
                # A decline is translated to one: the invoice stays open.
                self._client.v1.invoices.pay(shown["latest_invoice"], {}, options)

    def _cancel(self, ident: str) -> None:
        with translated(), _ended_already():
            self._client.v1.subscriptions.cancel(ident)

    def _came_of(self, tenant_id: TenantId, held: Subscription, plan: Plan) -> BillingFact:
        """What an old wish has led to; it is not sent again.

        It was granted when everything that it asks for is so: the plan, no end, nothing left open.
        """
        wish, fact = _wish(held), self.retrieve(tenant_id, held)
        unpaid = wish.method != "" and fact.status is BillingStatus.PAST_DUE
        granted = fact.plan_id == plan.id and fact.cancels_at is None and not unpaid
        if not granted and fact.status is not BillingStatus.ENDED:
            self._await_the_last(held, wish)
            raise PaymentDeclined(NEVER_SENT)
        return fact

    def _end_others(self, held: Subscription, wish: PlanWish, ours: dict[str, str]) -> None:
        """A venue is never billed twice: what lives on of a plan that is over here is ended first."""
        asked: Any = {"customer": held.customer_id, "limit": 100}
        with translated():
            known = [*map(plain, self._client.v1.subscriptions.list(asked).auto_paging_iter())]
        for each in known:
            named = each["metadata"]
            mine = all(named.get(name) == ours[name] for name in ("tenant_id", "venue_id"))
            if mine and not _is_for(named, held, wish):
                self._cancel(each["id"])

    def _found(self, held: Subscription, wish: PlanWish) -> str | None:
        first = int((wish.asked_at - timedelta(seconds=CLOCK_SKEW_SECONDS)).timestamp())
        asked: Any = {"limit": 100, "status": "all", "created": {"gte": first}}
        with translated():
            for each in map(plain, self._client.v1.subscriptions.list(asked).auto_paging_iter()):
                if _is_for(each["metadata"], held, wish):
                    return str(each["id"])
        return None

    def _await_the_last(self, held: Subscription, wish: PlanWish) -> None:
        """Raise ``OutcomeUnknown`` while the last request under a key may be on its way."""
        if self._now() - wish.asked_at < WISH_OVER:
            raise OutcomeUnknown(f"a request about subscription {held.id} may be on its way")

    def _is_old(self, wish: PlanWish) -> bool:
        return self._now() - wish.asked_at > timedelta(seconds=KEY_SECONDS_MAX)

    def _shown(self, ident: str) -> _Json:
        with translated():
            return plain(self._client.v1.subscriptions.retrieve(ident))

    def _intent(self, shown: _Json) -> _Json:
        """What the latest invoice is paid with, an empty object if there was no try."""
        asked: Any = {"invoice": shown["latest_invoice"], "limit": 1}
        with translated():
            for each in self._client.v1.invoice_payments.list(asked).data:
                ident = plain(each)["payment"]["payment_intent"]
                return plain(self._client.v1.payment_intents.retrieve(ident))
        return {}

    def _fact(
        self, tenant_id: TenantId, held: Subscription, shown: _Json, secret: str = ""
    ) -> BillingFact:
        with translated():
            if shown["metadata"].get("tenant_id") != str(tenant_id):
                raise ValueError(f"{shown['id']} is not a plan of ours")
            customer = str(shown["customer"])
            invoices = tuple(map(_paid, self._invoices(tenant_id, {"customer": customer})))
            item = shown["items"]["data"][0]
            ends = shown["cancel_at"] if shown["cancel_at_period_end"] else shown["ended_at"]
            return BillingFact(
                provider_id=shown["id"],
                customer_id=customer,
                status=_STATUSES[shown["status"]],
                plan_id=item["price"]["metadata"].get("plan") or held.plan_id,
                period_end=_time(item["current_period_end"]),
                cancels_at=None if ends is None else _time(ends),
                paid=shown["latest_invoice"] in {paid.id for paid in invoices},
                invoices=invoices,
                client_secret=secret,
            )

    def _invoices(self, tenant_id: TenantId, asked: _Json) -> Iterator[_Json]:
        """The paid invoices of the tenant's plans; whatever else a customer pays is not ours."""
        params: Any = {"limit": 100, "status": "paid", **asked}
        with translated():
            for found in map(plain, self._client.v1.invoices.list(params).auto_paging_iter()):
                ours = plan_details(found).get("tenant_id") == str(tenant_id)
                # One of nothing is no money: it is neither booked nor counted.
                if ours and found["amount_paid"]:
                    yield found


@contextmanager
def _ended_already() -> Iterator[None]:
    """What has ended cannot be changed: whoever reads it next learns that."""
    try:
        yield
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing" or error.param != "id":
            raise


def _wish(held: Subscription) -> PlanWish:
    wish = held.pending_wish
    assert wish is not None, "only what is wished for is sent"
    return wish


def _is_for(metadata: _Json, held: Subscription, wish: PlanWish) -> bool:
    """Whether a subscription was made for the wish."""
    named = (metadata.get("subscription_id"), metadata.get("wish"))
    return named == (str(held.id), str(wish.number))


def _ours(tenant_id: TenantId, held: Subscription) -> dict[str, str]:
    return {
        "tenant_id": str(tenant_id),
        "venue_id": str(held.venue_id),
        "subscription_id": str(held.id),
    }


def _keyed(held: Subscription, wish: PlanWish, what: str) -> Any:
    return {"idempotency_key": sendable(f"plan:{held.id}:{wish.number}:{what}")}


def _reason(intent: _Json) -> Failure:
    """Why a first payment came to nothing."""
    error = intent.get("last_payment_error") or {}
    code = error.get("code") or "subscription_ended"
    return Failure(code, error.get("decline_code") or "", error.get("message") or "")


def plan_details(invoice: _Json) -> Mapping[str, str]:
    """The metadata of the subscription that an invoice is for, an empty object for any other."""
    parent = invoice.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    metadata = details.get("metadata") if isinstance(details, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _paid(invoice: _Json) -> PaidInvoice:
    return PaidInvoice(
        id=invoice["id"],
        plan_id=plan_details(invoice).get("plan") or "",
        amount=Money(invoice["amount_paid"], Currency.of(invoice["currency"])),
        paid_at=_time(invoice["status_transitions"]["paid_at"]),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
