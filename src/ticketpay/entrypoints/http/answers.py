"""Responses: the domain's answers in HTTP's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.entrypoints.http.errors import (
    STATUS_OF_CODE,
    json_response,
    problem,
    problem_type,
)

__all__ = ["respond"]

_DECLINED: Final = "PAYMENT_DECLINED"
_DECLINED_TITLE: Final = "The payment was declined"
_REPLAYED: Final[Mapping[str, str]] = {"Idempotent-Replayed": "true"}


def respond(answer: Answer, completed: int) -> Response:
    """The response to an answer; ``completed`` is the status of a success."""
    headers = _REPLAYED if answer.replayed else None
    if answer.outcome is Outcome.REFUSED:
        return _refused(answer.body, headers)
    if answer.outcome is Outcome.DECLINED:
        return _declined(answer.body, headers)
    body = dict(answer.body)
    if answer.client_secret:
        body["clientSecret"] = answer.client_secret
    status = completed if answer.outcome is Outcome.COMPLETED else 202
    return json_response(body, status, headers)


def _refused(body: Mapping[str, object], headers: Mapping[str, str] | None) -> Response:
    code = str(body["code"])
    status = STATUS_OF_CODE.get(code, 422)
    named = body.get("errors")
    errors = tuple(named) if isinstance(named, list) else ()
    return problem(
        status, code, str(body["title"]), str(body["detail"]), errors=errors, headers=headers
    )


def _declined(view: Mapping[str, object], headers: Mapping[str, str] | None) -> Response:
    """A problem that carries the payment, or the subscription whose payment it was."""
    about = "subscription" if "subscriptionId" in view else "payment"
    failure = view.get("failure")
    message = failure.get("message") if isinstance(failure, Mapping) else None
    body = {
        "type": problem_type(_DECLINED),
        "title": _DECLINED_TITLE,
        "status": 402,
        "detail": message or _DECLINED_TITLE,
        "code": _DECLINED,
        about: dict(view),
    }
    return json_response(body, 402, headers, "application/problem+json")
