"""``python -m tests.limits TRACES [SEED]``: drawn traces against the references, some on Valkey."""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import redis

from tests.spec.admission.traces import Trace, draw, ours, verdict
from ticketpay.adapters.embedded.valkey import EmbeddedValkey
from ticketpay.adapters.redis.limits import RATE_LIMIT
from ticketpay.domain.admission import decide

CHUNK = 10_000
SAMPLE = 20


def judged(seed: int, traces: int) -> tuple[int, str]:
    """How many requests were asked in so many traces, and the first thing that is wrong."""
    chance, asked = random.Random(f"limits:{seed}"), 0  # noqa: S311 - repeatable, not secret
    for _ in range(traces):
        trace = draw(chance)
        asked += len(trace.instants)
        if wrong := verdict(trace, ours(trace)):
            return asked, f"seed {seed}: {wrong}"
    return asked, ""


def on_valkey(client: redis.Redis, sha: str, seed: int, traces: int) -> tuple[int, str]:
    """The same, answered by the script."""
    chance, asked = random.Random(f"valkey:{seed}"), 0  # noqa: S311 - repeatable, not secret
    drawn = iter([draw(chance) for _ in range(traces)])
    while batch := list(islice(drawn, 200)):
        for trace, answers in zip(batch, scripted(client, sha, batch), strict=True):
            asked += len(answers)
            said = [
                (d.allowed, d.remaining, d.next_us)
                for allowed, ahead in answers
                for d in [decide(trace.limit, ahead, allowed=allowed == 1)]
            ]
            if wrong := verdict(trace, said):
                return asked, f"Valkey, seed {seed}: {wrong}"
    return asked, ""


def scripted(client: redis.Redis, sha: str, traces: list[Trace]) -> list[list[list[int]]]:
    """The script's answers, in one pipeline."""
    client.flushall()
    with client.pipeline(transaction=False) as pipeline:
        for place, trace in enumerate(traces):
            for now in trace.instants:
                limit = trace.limit
                pipeline.evalsha(sha, 1, f"rl:v1:t:{place}", limit.burst, limit.interval_us, now)
        answers = iter(pipeline.execute())
    return [[next(answers) for _ in trace.instants] for trace in traces]


def main(traces: int, seed: int) -> int:
    began = time.monotonic()
    chunks = [(seed + at, min(CHUNK, traces - at)) for at in range(0, traces, CHUNK)]
    with multiprocessing.get_context("fork").Pool() as pool:
        found = pool.starmap(judged, chunks)
    sample = max(1, traces // SAMPLE)
    with tempfile.TemporaryDirectory(prefix="ticketpay-limits-") as folder:
        Path(folder).chmod(0o755)
        with (
            EmbeddedValkey.start(Path(folder)) as server,
            redis.Redis.from_url(server.url) as client,
        ):
            found.append(on_valkey(client, client.script_load(RATE_LIMIT.text), seed, sample))
    wrong = [text for _, text in found if text]
    asked = sum(count for count, _ in found[:-1])
    sys.stdout.write(
        f"{traces} traces, {asked} requests, seed {seed}; {sample} traces, {found[-1][0]} requests "
        f"on Valkey: {len(wrong)} wrong, {time.monotonic() - began:.0f} s\n"
    )
    sys.stdout.writelines(f"{text}\n" for text in wrong[:3])
    return int(bool(wrong))


if __name__ == "__main__":
    arguments = [int(text.replace("_", "")) for text in sys.argv[1:]]
    sys.exit(main(arguments[0], arguments[1] if len(arguments) > 1 else time.time_ns() % 10**9))
