"""The gateway: charges, questions, cancellations and refunds at Stripe (S15, S38)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import attrs
import stripe

from ticketpay.adapters.stripe.errors import failure_of, meaning, translated
from ticketpay.adapters.stripe.mapping import (
    charge_params,
    dispute_notice_of,
    fact_of,
    is_about,
    is_disputed,
    refund_fact_of,
    refund_notice_of,
    refund_params,
    refunded_cents,
    reserved,
    withdrawn_cents,
)
from ticketpay.adapters.stripe.transport import InProcessClient, PooledClient, Transport
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.payments import (
    ChargeRequest,
    PaymentDeclined,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
)
from ticketpay.domain.refunds import Refund, RefundState
from ticketpay.ports.payments import DisputeNotice, RefundFact, RefundNotice

__all__ = ["StripeGateway"]

CLOCK_SKEW_SECONDS: Final = 120
KEY_LENGTH_MAX: Final = 255
KEY_SECONDS_MAX: Final = 23 * 3600
PAGE: Final = 100

REFUND_REFUSALS: Final = frozenset(
    {
        "amount_too_large",
        "charge_already_refunded",
        "charge_disputed",
        "charge_not_refundable",
        "refund_disputed_payment",
    }
)
"""Codes with which the provider will never make this refund."""

_INTENTS: Final = "/v1/payment_intents"
_DISPUTES: Final = "/v1/disputes"
_UNEXPECTED_STATE: Final = "payment_intent_unexpected_state"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class _Answer:
    """What one call gave: plain data, the headers that came with it."""

    data: Mapping[str, Any]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, shown: stripe.StripeObject) -> Self:
        return cls.raw(shown.last_response)

    @classmethod
    def raw(cls, response: stripe.StripeResponse | None) -> Self:
        if response is None or not isinstance(response.data, dict):
            raise TypeError("the answer is not an object")
        return cls(response.data, response.headers)

    @property
    def is_replay(self) -> bool:
        """Whether the provider repeated an old answer, which may no longer be true."""
        return self.headers.get("idempotent-replayed") == "true"


def _refused_intent(error: stripe.StripeError) -> _Answer | None:
    """The intent that a refusal carries, if it carries one."""
    body = error.json_body
    intent = body["error"].get("payment_intent") if isinstance(body, dict) else None
    return _Answer(intent, error.headers or {}) if isinstance(intent, dict) else None


@attrs.frozen(kw_only=True)
class StripeGateway:
    """``PaymentGateway`` over the official SDK; safe to share between threads.

    ``account`` is the connected account that is charged, empty for the platform's own.
    """

    _client: stripe.StripeClient = attrs.field(repr=False)
    _http: InProcessClient | PooledClient = attrs.field(repr=False)
    _account: str
    _now: Callable[[], datetime]

    @classmethod
    def create(
        cls,
        secret_key: str,
        *,
        api_base: str = "",
        timeout_seconds: float = 30.0,
        account: str = "",
        transport: Transport | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> StripeGateway:
        """A gateway to Stripe, to ``api_base`` or to an in-process ``transport``.

        ``now`` dates the answers that carry no ``Date`` header.
        """
        # The SDK's telemetry writes a file into the home directory and times every call.
        stripe.enable_telemetry = False
        http = InProcessClient(transport) if transport else PooledClient(timeout_seconds)
        base: Any = {"api": api_base.rstrip("/")} if api_base else {}
        client = stripe.StripeClient(
            secret_key, http_client=http, base_addresses=base, max_network_retries=0
        )
        return cls(client=client, http=http, account=account, now=now)

    def close(self) -> None:
        """Give the idle connections back."""
        self._http.close()

    def charge(self, request: ChargeRequest) -> ProviderFact:
        """Create and confirm in one call; a decline with an intent is a fact.

        A replayed answer is as old as the first one, so the intent is read again.
        """
        options = self._options(self._account, request.key)
        params: Any = charge_params(request)
        with translated():
            try:
                # The raw call spares the SDK's object tree, half of a charge's CPU, on the hot path.
                sent = self._client.raw_request("post", _INTENTS, **params, **options)
                answer = _Answer.raw(sent)
            except (stripe.CardError, stripe.InvalidRequestError) as error:
                refused = _refused_intent(error)
                if refused is None:
                    raise PaymentDeclined(failure_of(error)) from error
                answer = refused
            return self._current(answer, self._account)

    def retrieve(self, ref: ProviderRef) -> ProviderFact:
        """The intent as it is now; raises ``NotFound``."""
        with translated():
            return self._read(ref.object_id, ref.account)

    def confirm(self, ref: ProviderRef, key: str) -> ProviderFact:
        """Confirm what waits for it; after a refusal, the intent as it is."""
        with translated():
            fact = self._read(ref.object_id, ref.account)
            if fact.status is not ProviderStatus.REQUIRES_CONFIRMATION:
                return fact
            intents, options = self._client.v1.payment_intents, self._options(ref.account, key)
            try:
                answer = _Answer.of(intents.confirm(ref.object_id, options=options))
            except (stripe.CardError, stripe.InvalidRequestError):
                return self._read(ref.object_id, ref.account)
            return self._current(answer, ref.account)

    def cancel(self, ref: ProviderRef, key: str) -> ProviderFact:
        """Cancel; when it is too late for that, the intent as it is."""
        intents, options = self._client.v1.payment_intents, self._options(ref.account, key)
        with translated():
            try:
                answer = _Answer.of(intents.cancel(ref.object_id, options=options))
            except stripe.InvalidRequestError as error:
                if error.code != _UNEXPECTED_STATE:
                    raise
                return self._read(ref.object_id, ref.account)
            return self._current(answer, ref.account)

    def find(
        self, tenant_id: TenantId, payment_id: PaymentId, since: datetime
    ) -> ProviderFact | None:
        """Page through the intents since then, less 120 s for unequal clocks."""
        first = int((since - timedelta(seconds=CLOCK_SKEW_SECONDS)).timestamp())
        for intent, page in self._intents({"created": {"gte": first}}):
            if is_about(intent, tenant_id, payment_id):
                with translated():
                    return self._fact(_Answer(intent, page.headers), self._account)
        return None

    def list_intents(self, tenant_id: TenantId) -> Iterator[ProviderFact]:
        """Every intent of a tenant, newest first; ``received`` is less what was refunded and disputed."""
        disputed: dict[str, int] | None = None
        for intent, page in self._intents({"expand": ["data.latest_charge"]}):
            if is_about(intent, tenant_id):
                if disputed is None and is_disputed(intent):
                    disputed = self._disputed()
                with translated():
                    fact = fact_of(
                        intent,
                        account=self._account,
                        at=self._at(page),
                        back_cents=refunded_cents(intent) + (disputed or {}).get(intent["id"], 0),
                    )
                yield fact

    def refund(self, refund: Refund) -> RefundFact:
        """Refund once: an old refund is asked for first, a refused one may be done already."""
        if refund.provider_refund_id:
            with translated():
                return self._read_refund(refund.provider_refund_id, refund.ref.account)
        age = self._now() - refund.created_at
        if age > timedelta(seconds=KEY_SECONDS_MAX) and (known := self._known_refund(refund)):
            return known
        try:
            return self._send_refund(refund)
        except stripe.InvalidRequestError as error:
            known = self._known_refund(refund)
            if known is None and error.code in REFUND_REFUSALS:
                # The same key would have repeated a success: nothing was sent, and nothing will be.
                return RefundFact(provider_refund_id="", state=RefundState.FAILED)
            if known is None:
                raise meaning(error) from error
            return known

    def refunds_of(self, ref: ProviderRef) -> tuple[RefundNotice, ...]:
        """Every refund of an intent, from the provider's list, which begins with the newest."""
        with translated():
            found = [refund_notice_of(shown, ref) for shown in self._refunds(ref)]
        return tuple(reversed(found))

    def disputes_of(self, ref: ProviderRef) -> tuple[DisputeNotice, ...]:
        """Every dispute of an intent, from the provider's list, which begins with the newest."""
        disputes, options = self._client.v1.disputes, self._options(ref.account)
        asked = {"payment_intent": ref.object_id}
        pages = _paged(lambda params: _Answer.of(disputes.list(params, options)), asked)
        shown = [dispute for dispute, _ in pages]
        with translated():
            return tuple(dispute_notice_of(one, ref, "") for one in reversed(shown))

    def _send_refund(self, refund: Refund) -> RefundFact:
        params: Any = refund_params(refund)
        refunds, account = self._client.v1.refunds, refund.ref.account
        with translated(but=(stripe.InvalidRequestError,)):
            answer = _Answer.of(refunds.create(params, self._options(account, refund.key)))
            if answer.is_replay:
                return self._read_refund(str(answer.data["id"]), account)
            return refund_fact_of(answer.data)

    def _read_refund(self, ident: str, account: str) -> RefundFact:
        shown = self._client.v1.refunds.retrieve(ident, options=self._options(account))
        return refund_fact_of(_Answer.of(shown).data)

    def _known_refund(self, refund: Refund) -> RefundFact | None:
        """The refund with our id among those of the intent."""
        for found in self._refunds(refund.ref):
            if reserved(found)["refund_id"] == str(refund.id):
                with translated():
                    return refund_fact_of(found)
        return None

    def _refunds(self, ref: ProviderRef) -> Iterator[dict[str, Any]]:
        refunds, options = self._client.v1.refunds, self._options(ref.account)
        asked = {"payment_intent": ref.object_id}
        for found, _ in _paged(lambda params: _Answer.of(refunds.list(params, options)), asked):
            yield found

    def _intents(self, asked: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], _Answer]]:
        options = self._options(self._account)

        def fetch(params: Mapping[str, Any]) -> _Answer:
            return _Answer.raw(self._client.raw_request("get", _INTENTS, **params, **options))

        return _paged(fetch, asked)

    def _disputed(self) -> dict[str, int]:
        """What disputes hold, in cents by intent."""
        options = self._options(self._account)

        def fetch(params: Mapping[str, Any]) -> _Answer:
            return _Answer.raw(self._client.raw_request("get", _DISPUTES, **params, **options))

        held: dict[str, int] = {}
        for dispute, _ in _paged(fetch, {}):
            with translated():
                intent = str(dispute["payment_intent"])
                held[intent] = held.get(intent, 0) + withdrawn_cents(dispute)
        return held

    def _read(self, ident: str, account: str) -> ProviderFact:
        shown = self._client.v1.payment_intents.retrieve(ident, options=self._options(account))
        return self._fact(_Answer.of(shown), account)

    def _current(self, answer: _Answer, account: str) -> ProviderFact:
        if answer.is_replay:
            return self._read(str(answer.data["id"]), account)
        return self._fact(answer, account)

    def _fact(self, answer: _Answer, account: str) -> ProviderFact:
        return fact_of(answer.data, account=account, at=self._at(answer))

    def _at(self, answer: _Answer) -> datetime:
        """The provider's own time of an answer; ours when it gives none."""
        text = answer.headers.get("date")
        return parsedate_to_datetime(text) if text else self._now()

    @staticmethod
    def _options(account: str, key: str | None = None) -> Any:
        return {"stripe_account": account or None, "idempotency_key": key and sendable(key)}


def sendable(key: str) -> str:
    """``key``, or its digest when Stripe would refuse it (255 characters, one header line)."""
    if len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable():
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _objects(items: object) -> list[dict[str, Any]]:
    """The objects of a list; raises ``TypeError`` when it holds anything else."""
    if not isinstance(items, list) or not all(isinstance(i, dict) and i.get("id") for i in items):
        raise TypeError("the list is not one of objects")
    return items


def _paged(
    fetch: Callable[[Any], _Answer], asked: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], _Answer]]:
    """All objects of a list with the page that they came on."""
    params = {"limit": PAGE, **asked}
    while True:
        with translated():
            page = fetch(params)
            items = _objects(page.data["data"])
            more = page.data["has_more"] is True
            params["starting_after"] = items[-1]["id"] if more else None
        for item in items:
            yield item, page
        if not more:
            return
