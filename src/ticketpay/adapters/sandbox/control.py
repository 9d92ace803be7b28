"""The control endpoints steer the sandbox itself: clock, money, deliveries, banks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ticketpay.adapters.sandbox import accounts, disputes, intents, payouts, refunds
from ticketpay.adapters.sandbox.cards import FAULTS
from ticketpay.adapters.sandbox.delivery import DeliveryPolicy
from ticketpay.adapters.sandbox.errors import invalid, unknown_path
from ticketpay.adapters.sandbox.response import Json, Rendered
from ticketpay.adapters.sandbox.world import Call, World

__all__ = ["controlled"]

_MILLION: Final = 1_000_000


def controlled(call: Call, method: str, path: str, body: bytes) -> Json:
    """The answer to a control request; raises SandboxError (400 or 404)."""
    parts = path.strip("/").split("/")[1:]
    given = _object(body)
    if len(parts) == 3 and method == "POST":
        return _moved(call, parts[0], parts[1], parts[2], given)
    act = _CALLS.get(f"{method} {'/'.join(parts)}")
    if act is not None:
        return act(call, given)
    action = _ACTIONS.get(f"{method} {'/'.join(parts)}")
    if action is None:
        raise unknown_path(method, path)
    return action(call.world, given)


def _object(body: bytes) -> Json:
    if not body:
        return {}
    try:
        given = json.loads(body)
    except ValueError as error:
        raise invalid("The body of a control request is a JSON object.") from error
    if not isinstance(given, dict):
        raise invalid("The body of a control request is a JSON object.")
    return given


def _moved(call: Call, noun: str, ident: str, verb: str, given: Json) -> Json:
    """What happens to one object outside of the API: at a bank, at a buyer's, at the provider."""
    move = _MOVES.get(f"{noun} {verb}")
    if move is None:
        raise invalid(f"A control request cannot {verb} {noun}.", param="outcome")
    return move(call, ident, given).render()


def _authenticate(call: Call, ident: str, given: Json) -> Rendered:
    outcome = given.get("outcome")
    if outcome not in ("succeed", "fail"):
        raise invalid("Invalid outcome: must be one of succeed, fail", param="outcome")
    return intents.authenticate(call, ident, passed=outcome == "succeed")


def _dispute(call: Call, ident: str, given: Json) -> Rendered:
    charge = refunds.found_charge(call.account, ident)
    rest = charge.amount_captured - charge.amount_refunded
    cents = int(_number(given, "amount", rest))
    reason = str(given.get("reason", "fraudulent"))
    inquiry = bool(given.get("inquiry", False))
    dispute = disputes.opened(call, charge, cents, reason, inquiry=inquiry)
    call.settle(intents.found(call.account, charge.intent.id))
    return dispute


def _require(call: Call, ident: str, given: Json) -> Rendered:
    due = [str(each) for each in given.get("currentlyDue", ())]
    return accounts.set_requirements(call, ident, due)


def _other(call: Call, given: Json) -> Call:
    return call.at(str(given["account"])) if "account" in given else call


def _set_balance(call: Call, given: Json) -> Json:
    """Limit what is lent, top the balance up, or take from it (a negative amount)."""
    call = _other(call, given)
    ledger = call.account.ledger
    if "overdraftCents" in given:
        limit = given["overdraftCents"]
        ledger.overdraft = None if limit is None else int(limit)
    if "topUpCents" in given:
        currency = str(given.get("currency", "usd"))
        call.post("topup", int(given["topUpCents"]), currency, call.fresh("tu"))
    refunds.retry_waiting(call)
    return {"status": "ok"}


def _pay_out(call: Call, given: Json) -> Json:
    return payouts.automatic(_other(call, given), str(given.get("currency", "usd"))).render()


def _plan_faults(call: Call, given: Json) -> Json:
    """Let the next calls of an operation, such as `POST v1/payouts`, fail in a named way."""
    fault = given.get("fault")
    if fault not in FAULTS:
        raise invalid(f"Invalid fault: must be one of {', '.join(FAULTS)}", param="fault")
    planned = call.world.faults.setdefault(str(given.get("operation")), [])
    planned += [fault] * int(_number(given, "times", 1))
    return {"planned": planned}


def _health(world: World, _given: Json) -> Json:
    return {"status": "ok", "now": world.clock.now()}


def _clock(world: World, _given: Json) -> Json:
    clock = world.clock
    return {"now": clock.now(), "offsetSeconds": clock.offset, "frozen": clock.frozen}


def _set_clock(world: World, given: Json) -> Json:
    if "freeze" in given:
        if given["freeze"]:
            world.clock.freeze()
        else:
            world.clock.resume()
    world.clock.advance(_number(given, "advanceSeconds", 0.0))
    return _clock(world, given)


def _policy(world: World, _given: Json) -> Json:
    policy = world.schedule.policy
    return {
        "duplicatePpm": policy.duplicate_ppm,
        "delaySecondsMax": policy.delay_seconds_max,
        "reorder": policy.reorder,
        "dropPpm": policy.drop_ppm,
    }


def _set_policy(world: World, given: Json) -> Json:
    old = world.schedule.policy
    world.schedule.policy = DeliveryPolicy(
        duplicate_ppm=_ppm(given, "duplicatePpm", old.duplicate_ppm),
        delay_seconds_max=_number(given, "delaySecondsMax", old.delay_seconds_max),
        reorder=bool(given.get("reorder", old.reorder)),
        drop_ppm=_ppm(given, "dropPpm", old.drop_ppm),
    )
    return _policy(world, given)


def _deliveries(world: World, _given: Json) -> Json:
    return {"data": world.schedule.recent()}


def _number(given: Json, name: str, default: float) -> float:
    value: Any = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e10:
        raise invalid(f"Invalid number: {name}", param=name)
    return float(value)


def _ppm(given: Json, name: str, default: int) -> int:
    value = int(_number(given, name, default))
    if value > _MILLION:
        raise invalid(f"Invalid parts per million: {name}", param=name)
    return value


_MOVES: Final[dict[str, Callable[[Call, str, Json], Rendered]]] = {
    "accounts require": _require,
    "charges dispute": _dispute,
    "disputes escalate": lambda call, ident, _given: disputes.escalated(call, ident),
    "disputes lose": lambda call, ident, _given: disputes.decided(call, ident, won=False),
    "disputes win": lambda call, ident, _given: disputes.decided(call, ident, won=True),
    "payment_intents authenticate": _authenticate,
    "payouts fail": lambda call, ident, given: payouts.fail(
        call, ident, str(given.get("code", "could_not_process"))
    ),
    "payouts pay": lambda call, ident, _given: payouts.pay(call, ident),
    "refunds fail": lambda call, ident, given: refunds.fail(
        call, ident, str(given.get("reason", "unknown"))
    ),
    "refunds succeed": lambda call, ident, _given: refunds.succeed(call, ident),
}
_CALLS: Final[dict[str, Callable[[Call, Json], Json]]] = {
    "POST balance": _set_balance,
    "POST faults": _plan_faults,
    "POST payouts": _pay_out,
}
_ACTIONS: Final[dict[str, Callable[[World, Json], Json]]] = {
    "GET health": _health,
    "GET clock": _clock,
    "POST clock": _set_clock,
    "GET delivery": _policy,
    "POST delivery": _set_policy,
    "GET deliveries": _deliveries,
}
