"""A gateway straight over the sandbox's model, with the promises of the port and without the SDK.

The official SDK costs more than everything else in a simulated charge. This gateway says the same
in plain ``json``; the contract suite of ``PaymentGateway`` holds it to what ``StripeGateway``
promises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus

import attrs

from ticketpay.adapters.sandbox import Response
from ticketpay.adapters.stripe.gateway import (
    CLOCK_SKEW_SECONDS,
    KEY_SECONDS_MAX,
    PAGE,
    REFUND_REFUSALS,
    sendable,
)
from ticketpay.adapters.stripe.mapping import (
    charge_params,
    dispute_notice_of,
    fact_of,
    is_about,
    is_disputed,
    refund_fact_of,
    refund_notice_of,
    refunded_cents,
    reserved,
    withdrawn_cents,
)
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.payments import (
    ChargeRequest,
    Failure,
    PaymentDeclined,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
    ProviderUnavailable,
)
from ticketpay.domain.refunds import Refund, RefundState
from ticketpay.ports.payments import DisputeNotice, RefundFact, RefundNotice

__all__ = ["DirectGateway", "Transport"]

Transport = Callable[[str, str, Mapping[str, str], bytes], Response]
"""Method, path with query, headers (lower-case names) and body to a response.

``ConnectionRefusedError`` says that nothing was sent; any other ``OSError``, that the connection
broke afterwards.
"""

_Json = Mapping[str, Any]
_INTENTS: Final = "/v1/payment_intents"
_REFUNDS: Final = "/v1/refunds"
_DISPUTES: Final = "/v1/disputes"
_UNREADABLE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


_is_plain: Final = re.compile(r"[0-9A-Za-z_.~-]*").fullmatch


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Refused(Exception):
    """The provider refused the card (402) or the request (400, 404), with its error object."""

    def __init__(self, status: int, error: _Json, headers: Mapping[str, str]) -> None:
        super().__init__(status, error.get("code"))
        self.status, self.error, self.headers = status, error, headers

    @property
    def code(self) -> str:
        return self.error.get("code") or ""

    @property
    def is_request(self) -> bool:
        """Whether the request was refused, not the card."""
        return self.status != 402

    def declined(self) -> PaymentDeclined:
        decline_code, message = self.error.get("decline_code"), self.error.get("message")
        return PaymentDeclined(
            Failure(self.code or "invalid_request", decline_code or "", message or "")
        )

    def meaning(self) -> TicketpayError:
        if not self.is_request:
            return self.declined()
        kind = NotFound if self.code == "resource_missing" else OutcomeUnknown
        return kind(f"the provider refused the request: {self.code}")


@attrs.frozen
class _Answer:
    data: _Json
    headers: Mapping[str, str]

    @property
    def is_replay(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"


@attrs.frozen
class DirectGateway:
    """``PaymentGateway`` over a function that answers requests; ``account`` as in Stripe's."""

    _transport: Transport
    _now: Callable[[], datetime] = _utc_now
    _account: str = ""
    _secret_key: str = attrs.field(default="sk_test_direct", repr=False)

    def charge(self, request: ChargeRequest) -> ProviderFact:
        """Create and confirm in one call; a decline with an intent is a fact."""
        account, body = self._account, _form(charge_params(request))
        try:
            answer = self._send("POST", _INTENTS, account, request.key, body)
        except _Refused as refused:
            intent = refused.error.get("payment_intent")
            if not isinstance(intent, dict):
                raise refused.declined() from refused
            answer = _Answer(intent, refused.headers)
        return self._current(answer, account)

    def retrieve(self, ref: ProviderRef) -> ProviderFact:
        """The intent as it is now; raises ``NotFound``."""
        return self._read(ref.object_id, ref.account)

    def confirm(self, ref: ProviderRef, key: str) -> ProviderFact:
        """Confirm what waits for it; after a refusal, the intent as it is."""
        fact = self._read(ref.object_id, ref.account)
        if fact.status is not ProviderStatus.REQUIRES_CONFIRMATION:
            return fact
        try:
            answer = self._send("POST", _path(ref, "/confirm"), ref.account, key)
        except _Refused:
            return self._read(ref.object_id, ref.account)
        return self._current(answer, ref.account)

    def cancel(self, ref: ProviderRef, key: str) -> ProviderFact:
        """Cancel; when it is too late for that, the intent as it is."""
        try:
            answer = self._send("POST", _path(ref, "/cancel"), ref.account, key)
        except _Refused as refused:
            if not (refused.is_request and refused.code == "payment_intent_unexpected_state"):
                raise refused.meaning() from refused
            return self._read(ref.object_id, ref.account)
        return self._current(answer, ref.account)

    def find(
        self, tenant_id: TenantId, payment_id: PaymentId, since: datetime
    ) -> ProviderFact | None:
        """Page through the intents since then, less 120 s for unequal clocks."""
        first = int((since - timedelta(seconds=CLOCK_SKEW_SECONDS)).timestamp())
        for intent, page in self._paged(_INTENTS, self._account, f"created[gte]={first}"):
            if is_about(intent, tenant_id, payment_id):
                return self._fact(_Answer(intent, page.headers), self._account)
        return None

    def list_intents(self, tenant_id: TenantId) -> Iterator[ProviderFact]:
        """Every intent of a tenant, newest first; ``received`` is less what was refunded and disputed."""
        disputed: dict[str, int] | None = None
        for intent, page in self._paged(_INTENTS, self._account, "expand[0]=data.latest_charge"):
            if is_about(intent, tenant_id):
                if disputed is None and is_disputed(intent):
                    disputed = self._disputed()
                back_cents = refunded_cents(intent) + (disputed or {}).get(intent["id"], 0)
                yield self._fact(_Answer(intent, page.headers), self._account, back_cents)

    def _disputed(self) -> dict[str, int]:
        """What disputes hold, in cents by intent."""
        held: dict[str, int] = {}
        for dispute, _ in self._paged(_DISPUTES, self._account, "expand[0]=data.charge"):
            intent = str(dispute["payment_intent"])
            held[intent] = held.get(intent, 0) + withdrawn_cents(dispute)
        return held

    def refund(self, refund: Refund) -> RefundFact:
        """Refund once: an old refund is asked for first, a refused one may be done already."""
        if refund.provider_refund_id:
            path = f"{_REFUNDS}/{refund.provider_refund_id}"
            return _refund_fact(self._get(path, refund.ref.account).data)
        age = self._now() - refund.created_at
        if age > timedelta(seconds=KEY_SECONDS_MAX) and (known := self._known_refund(refund)):
            return known
        try:
            return self._send_refund(refund)
        except _Refused as refused:
            known = self._known_refund(refund) if refused.is_request else None
            if known is None and refused.code in REFUND_REFUSALS:
                return RefundFact(provider_refund_id="", state=RefundState.FAILED)
            if known is None:
                raise refused.meaning() from refused
            return known

    def refunds_of(self, ref: ProviderRef) -> tuple[RefundNotice, ...]:
        """Every refund of an intent, oldest first."""
        try:
            found = [refund_notice_of(shown, ref) for shown in self._refunds(ref)]
        except _UNREADABLE as error:
            raise _unreadable(error) from error
        return tuple(reversed(found))

    def disputes_of(self, ref: ProviderRef) -> tuple[DisputeNotice, ...]:
        """Every dispute of an intent, oldest first."""
        asked = f"payment_intent={quote_plus(ref.object_id)}"
        try:
            pages = self._paged(_DISPUTES, ref.account, asked)
            found = [dispute_notice_of(shown, ref, "") for shown, _ in pages]
        except _UNREADABLE as error:
            raise _unreadable(error) from error
        return tuple(reversed(found))

    def _send_refund(self, refund: Refund) -> RefundFact:
        account = refund.ref.account
        ours = {"refund_id": str(refund.id), "payment_id": str(refund.payment_id)}
        asked = {"payment_intent": refund.ref.object_id, "amount": refund.amount.cents}
        body = _form(asked | {"metadata": ours})
        answer = self._send("POST", _REFUNDS, account, refund.key, body)
        if answer.is_replay:
            answer = self._get(f"{_REFUNDS}/{_ident(answer)}", account)
        return _refund_fact(answer.data)

    def _known_refund(self, refund: Refund) -> RefundFact | None:
        for found in self._refunds(refund.ref):
            if reserved(found)["refund_id"] == str(refund.id):
                return _refund_fact(found)
        return None

    def _refunds(self, ref: ProviderRef) -> Iterator[_Json]:
        asked = f"payment_intent={quote_plus(ref.object_id)}"
        for found, _ in self._paged(_REFUNDS, ref.account, asked):
            yield found

    def _paged(self, path: str, account: str, asked: str) -> Iterator[tuple[_Json, _Answer]]:
        """All objects of a list with the page that they came on."""
        query = after = f"limit={PAGE}&{asked}"
        while True:
            page = self._get(f"{path}?{after}", account)
            items, more = _items(page)
            for item in items:
                yield item, page
            if not more:
                return
            after = f"{query}&starting_after={quote_plus(items[-1]['id'])}"

    def _read(self, ident: str, account: str) -> ProviderFact:
        return self._fact(self._get(f"{_INTENTS}/{quote(ident, safe='')}", account), account)

    def _get(self, path: str, account: str) -> _Answer:
        try:
            return self._send("GET", path, account)
        except _Refused as refused:
            raise refused.meaning() from refused

    def _current(self, answer: _Answer, account: str) -> ProviderFact:
        if answer.is_replay:
            return self._read(_ident(answer), account)
        return self._fact(answer, account)

    def _fact(self, answer: _Answer, account: str, back_cents: int = 0) -> ProviderFact:
        try:
            stated = answer.headers.get("date")
            return fact_of(
                answer.data,
                account=account,
                at=parsedate_to_datetime(stated) if stated else self._now(),
                back_cents=back_cents,
            )
        except _UNREADABLE as error:
            raise _unreadable(error) from error

    def _send(
        self, method: str, path: str, account: str, key: str = "", body: bytes = b""
    ) -> _Answer:
        headers = {"authorization": f"Bearer {self._secret_key}"}
        if account:
            headers["stripe-account"] = account
        if method == "POST":
            headers["content-type"] = "application/x-www-form-urlencoded"
            headers["idempotency-key"] = sendable(key)
        try:
            reply = self._transport(method, path, headers, body)
        except ConnectionRefusedError as error:
            raise ProviderUnavailable("no connection to the provider") from error
        except OSError as error:
            raise OutcomeUnknown("the connection to the provider broke") from error
        if reply.hang:
            raise OutcomeUnknown("time-out at the provider")
        return _understood(reply)


def _understood(reply: Response) -> _Answer:
    """The answer; raises ``_Refused`` or an error of the port."""
    try:
        data = json.loads(reply.body.decode())
        if 200 <= reply.status < 300 and isinstance(data, dict):
            return _Answer(data, reply.headers)
        error = data["error"]
        if reply.status in (400, 402, 404) and error.get("type") != "idempotency_error":
            refused = _Refused(reply.status, error, reply.headers)
        else:
            raise _failed(reply.status, error)
    except _UNREADABLE as error:
        raise _unreadable(error) from error
    if reply.status == 400 and refused.code == "rate_limit":
        raise ProviderUnavailable("the provider is asked too often")
    raise refused


def _failed(status: int, error: _Json) -> TicketpayError:
    code = error.get("code") or ""
    if status in (401, 403, 429):
        return ProviderUnavailable(f"the provider refuses to work for us: {status} {code}")
    if status == 409 and code == "idempotency_key_in_use":
        return ProviderUnavailable("the key is in use", code="IDEMPOTENCY_KEY_IN_USE")
    if status in (400, 404):
        return OutcomeUnknown("the key is another request's", code="IDEMPOTENCY_MISMATCH")
    return OutcomeUnknown(f"the provider failed: {status} {code}")


def _unreadable(error: BaseException) -> OutcomeUnknown:
    return OutcomeUnknown(f"the provider's answer cannot be read ({type(error).__name__})")


def _ident(answer: _Answer) -> str:
    try:
        return quote(answer.data["id"], safe="")
    except _UNREADABLE as error:
        raise _unreadable(error) from error


def _items(page: _Answer) -> tuple[list[_Json], bool]:
    """The objects of a page and whether there are more behind the last of them."""
    try:
        items, more = page.data["data"], page.data["has_more"] is True
        if not (isinstance(items, list) and all(map(_is_object, items)) and (items or not more)):
            raise TypeError("the list is not one of objects")
    except _UNREADABLE as error:
        raise _unreadable(error) from error
    return items, more


def _is_object(item: object) -> bool:
    return isinstance(item, dict) and bool(item.get("id"))


def _refund_fact(shown: _Json) -> RefundFact:
    try:
        return refund_fact_of(shown)
    except _UNREADABLE as error:
        raise _unreadable(error) from error


def _path(ref: ProviderRef, action: str) -> str:
    return f"{_INTENTS}/{quote(ref.object_id, safe='')}{action}"


def _form(params: _Json) -> bytes:
    """Stripe's bracket notation: ``card[token]=tok_visa&types[0]=card``."""
    pairs: list[str] = []
    for name, value in params.items():
        _add(pairs, name, value)
    return "&".join(pairs).encode()


def _add(pairs: list[str], name: str, value: object) -> None:
    if isinstance(value, str):
        pairs.append(f"{name}={value if _is_plain(value) else quote_plus(value)}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _add(pairs, f"{name}[{key if _is_plain(key) else quote_plus(key)}]", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _add(pairs, f"{name}[{place}]", inner)
    else:
        pairs.append(f"{name}={str(value).lower()}")
