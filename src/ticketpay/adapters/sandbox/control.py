"""The control endpoints steer the sandbox itself: clock, deliveries, challenges, reset."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ticketpay.adapters.sandbox import intents
from ticketpay.adapters.sandbox.delivery import DeliveryPolicy
from ticketpay.adapters.sandbox.errors import invalid, unknown_path
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Call, World

__all__ = ["controlled"]

_MILLION: Final = 1_000_000


def controlled(call: Call, method: str, path: str, body: bytes) -> Json:
    """The answer to a control request; raises SandboxError (400 or 404)."""
    parts = path.strip("/").split("/")[1:]
    given = _object(body)
    if len(parts) == 3 and parts[0] == "payment_intents" and method == "POST":
        return _authenticate(call, parts[1], parts[2], given)
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


def _authenticate(call: Call, ident: str, verb: str, given: Json) -> Json:
    outcome = given.get("outcome")
    if verb != "authenticate" or outcome not in ("succeed", "fail"):
        raise invalid("Invalid outcome: must be one of succeed, fail", param="outcome")
    return intents.authenticate(call, ident, passed=outcome == "succeed").render()


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


_ACTIONS: Final[dict[str, Callable[[World, Json], Json]]] = {
    "GET health": _health,
    "GET clock": _clock,
    "POST clock": _set_clock,
    "GET delivery": _policy,
    "POST delivery": _set_policy,
    "GET deliveries": _deliveries,
}
