"""Payouts at Stripe: a transfer to the venue's account there, and a payout to its bank (S21, S22).

The platform is charged, so a venue's money is transferred first; the whole amount goes, the venue
pays the price of an instant payout out of it. Whatever comes to nothing is reversed before anybody
is told, so a payout that has failed has its money on the platform's account again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import stripe

from ticketpay.adapters.stripe.connection import connect, plain, utc_now
from ticketpay.adapters.stripe.errors import failure_of, translated
from ticketpay.adapters.stripe.gateway import KEY_SECONDS_MAX, sendable
from ticketpay.adapters.stripe.transport import Transport
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.ledger import ProviderTotal
from ticketpay.domain.money import Currency
from ticketpay.domain.payments import Failure
from ticketpay.domain.payouts import Payout, PayoutState
from ticketpay.ports.payouts import PayoutFact

__all__ = ["StripePayouts"]

_OVER: Final = timedelta(hours=25)
"""From then on no request under a payout's keys can take effect any more."""

_STATES: Final = {
    "paid": PayoutState.PAID,
    "failed": PayoutState.FAILED,
    "canceled": PayoutState.FAILED,
}


@attrs.frozen(kw_only=True)
class StripePayouts:
    """``PayoutGateway`` over the official SDK; safe to share between threads."""

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
    ) -> StripePayouts:
        """Payouts through Stripe, ``api_base`` or an in-process ``transport``."""
        made = connect(
            secret_key, api_base=api_base, timeout_seconds=timeout_seconds, transport=transport
        )
        return cls(client=made.client, now=now)

    def send(self, tenant_id: TenantId, payout: Payout) -> PayoutFact:
        """Transfer, then pay out; each under a key of its own, and asked for once it is old."""
        if payout.provider_payout_id:
            return self._read(payout)
        try:
            transfer = self._transfer(tenant_id, payout)
        except stripe.InvalidRequestError as error:
            return PayoutFact(state=PayoutState.FAILED, failure=failure_of(error))
        if transfer is None:
            return PayoutFact(state=PayoutState.FAILED, failure=Failure("never_transferred"))
        left = _left(transfer)
        if left in (0, payout.fee.cents):
            # Brought back before; sent again it would take what others have on that account.
            failure = Failure("transfer_reversed")
            return PayoutFact(state=PayoutState.FAILED, failure=failure, lost_cents=left)
        try:
            sent = self._pay_out(tenant_id, payout)
        except stripe.InvalidRequestError as error:
            lost = self._bring_back(payout, transfer)
            return PayoutFact(state=PayoutState.FAILED, failure=failure_of(error), lost_cents=lost)
        return self._fact(payout, transfer, sent)

    def totals(self, tenant_id: TenantId) -> Iterator[ProviderTotal]:
        """Every transfer of the tenant's payouts, less what was reversed; negative cents."""
        for transfer in self._pages({}):
            metadata = transfer["metadata"]
            cents = _left(transfer)
            if metadata.get("tenant_id") == str(tenant_id) and metadata.get("payout_id") and cents:
                yield ProviderTotal(
                    payment_id=metadata["payout_id"],
                    account="",
                    currency=Currency.of(transfer["currency"]).code,
                    cents=-cents,
                )

    def _read(self, payout: Payout) -> PayoutFact:
        with translated():
            found = self._client.v1.payouts.retrieve(
                payout.provider_payout_id, options={"stripe_account": payout.account}
            )
            transfer = self._known_transfer(payout)
            if transfer is None:
                raise ValueError(f"the transfer of payout {payout.id} is gone")
        return self._fact(payout, transfer, plain(found))

    def _fact(
        self, payout: Payout, transfer: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> PayoutFact:
        state = _STATES.get(sent["status"], PayoutState.PROCESSING)
        if state is not PayoutState.FAILED:
            return PayoutFact(state=state, provider_payout_id=sent["id"])
        return PayoutFact(
            state=state,
            provider_payout_id=sent["id"],
            failure=Failure(sent.get("failure_code") or str(sent["status"])),
            lost_cents=self._bring_back(payout, transfer),
        )

    def _transfer(self, tenant_id: TenantId, payout: Payout) -> Mapping[str, Any] | None:
        """The transfer, made or found; None once nothing can come of an old request any more.

        Raises ``InvalidRequestError`` when the provider will not make it.
        """
        if self._is_old(payout):
            return self._old_transfer(payout)
        params: Any = {
            "amount": payout.amount.cents,
            "currency": payout.amount.currency.code.lower(),
            "destination": payout.account,
            "transfer_group": _group(payout),
            "metadata": {"tenant_id": str(tenant_id), "payout_id": str(payout.id)},
        }
        options: Any = {"idempotency_key": sendable(f"{payout.key}:transfer")}
        with translated(but=(stripe.InvalidRequestError,)):
            try:
                made = self._client.v1.transfers.create(params, options)
            except stripe.InvalidRequestError:
                known = self._known_transfer(payout)
                if known is None:
                    raise
                return known
        # Not a refusal of the transfer, whatever the answer to this is.
        with translated():
            return plain(self._client.v1.transfers.retrieve(made.id))

    def _old_transfer(self, payout: Payout) -> Mapping[str, Any] | None:
        """What was made as long as its key was good; None once nothing can come of it any more."""
        known = self._known_transfer(payout)
        if known is None:
            self._await_the_last(payout)
        return known

    def _await_the_last(self, payout: Payout) -> None:
        """Raise ``OutcomeUnknown`` while the last request under the key may be on its way."""
        if self._is_old(payout) and self._now() - payout.created_at < _OVER:
            raise OutcomeUnknown(f"a request of payout {payout.id} may be on its way")

    def _pay_out(self, tenant_id: TenantId, payout: Payout) -> Mapping[str, Any]:
        """The payout; raises ``InvalidRequestError`` when the provider will not make it."""
        known = self._known_payout(payout) if self._is_old(payout) else None
        if known is not None:
            return known
        self._await_the_last(payout)
        params: Any = {
            "amount": payout.net.cents,
            "currency": payout.amount.currency.code.lower(),
            "method": str(payout.speed),
            "metadata": {"tenant_id": str(tenant_id), "payout_id": str(payout.id)},
        }
        options: Any = {"stripe_account": payout.account, "idempotency_key": sendable(payout.key)}
        with translated(but=(stripe.InvalidRequestError,)):
            made = self._client.v1.payouts.create(params, options)
        there: Any = {"stripe_account": payout.account}
        with translated():
            return plain(self._client.v1.payouts.retrieve(made.id, options=there))

    def _bring_back(self, payout: Payout, transfer: Mapping[str, Any]) -> int:
        """Reverse what is left of the transfer, once; the cents that could not be brought back.

        A provider that keeps the price of an instant payout leaves no more than the rest there.
        """
        left = _left(transfer)
        if left in (0, payout.fee.cents):
            return left
        with translated(but=(stripe.InvalidRequestError,)):
            try:
                self._reverse(payout, transfer, left, f"reversal:{left}")
            except stripe.InvalidRequestError:
                if not 0 < payout.fee.cents < left:
                    raise
                net = left - payout.fee.cents
                self._reverse(payout, transfer, net, f"reversal:{net}")
                return payout.fee.cents
        return 0

    def _reverse(self, payout: Payout, transfer: Mapping[str, Any], cents: int, what: str) -> None:
        options: Any = {"idempotency_key": sendable(f"{payout.key}:{what}")}
        params: Any = {"amount": cents}
        self._client.v1.transfers.reversals.create(transfer["id"], params, options)

    def _known_transfer(self, payout: Payout) -> Mapping[str, Any] | None:
        """By its group; what was sent without one is looked for among all of the account."""
        there = {"destination": payout.account}
        for asked in (there | {"transfer_group": _group(payout)}, there):
            mine = [
                t for t in self._pages(asked) if t["metadata"].get("payout_id") == str(payout.id)
            ]
            if mine:
                return mine[0]
        return None

    def _known_payout(self, payout: Payout) -> Mapping[str, Any] | None:
        with translated():
            first: Any = {"limit": 100}
            page = self._client.v1.payouts.list(first, {"stripe_account": payout.account})
            for found in map(plain, page.auto_paging_iter()):
                if found["metadata"].get("payout_id") == str(payout.id):
                    return found
        return None

    def _pages(self, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        params: Any = {"limit": 100, **asked}
        with translated():
            for found in self._client.v1.transfers.list(params).auto_paging_iter():
                yield plain(found)

    def _is_old(self, payout: Payout) -> bool:
        return self._now() - payout.created_at > timedelta(seconds=KEY_SECONDS_MAX)


def _group(payout: Payout) -> str:
    """By which a payout's transfer is found among all others of the platform."""
    return f"payout:{payout.id}"


def _left(transfer: Mapping[str, Any]) -> int:
    """Cents of a transfer that have not been brought back."""
    return int(transfer["amount"] - transfer["amount_reversed"])
