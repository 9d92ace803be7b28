"""Mutation testing of the pure packages (decision 10): ``make mutate [MODULES="money ledger"]``.

Two maintained tools share the work: mutmut changes the bodies of functions and methods, cosmic-ray
what mutmut leaves out (see ``mutate_outside``). Both work on a copy of the sources, and a package
is tested by its own folder of ``tests/spec`` alone. The campaign fails when less than 95 % of a package's mutants are killed, when a survivor has no line in
``tests/mutation/survivors.toml``, or when a line there speaks of a mutant that is killed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

__all__ = [
    "DOMAIN",
    "PACKAGES",
    "SURVIVORS",
    "Mutant",
    "Survivor",
    "changed_lines",
    "explained",
    "is_message",
    "main",
    "problems",
]

ROOT: Final = Path(__file__).resolve().parent.parent
DOMAIN: Final = Path("src/ticketpay/domain")
SURVIVORS: Final = ROOT / "tests/mutation/survivors.toml"
SCRATCH: Final = ROOT / ".mutation"
PACKAGES: Final = (
    "money",
    "ledger",
    "pricing",
    "orders",
    "payments",
    "inventory",
    "messaging",
    "audit",
    "admission",
    "refunds",
    "payouts",
    "subscriptions",
)
KILLED_PERCENT_MIN: Final = 95
_MESSAGES: Final = r'^\s*raise \w+\((f?"|$)'
"""Lines whose text is for people: their mutants are not made, and so not counted."""
_OUTCOMES: Final = {
    0: "survived",
    1: "killed",
    3: "killed",
    5: "survived",
    33: "survived",
} | dict.fromkeys((36, 24, -24, 152, 255), "timeout")
_DIFFS: Final = """
import json, sys
from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant
print(json.dumps({n: get_diff_for_mutant(n, path=find_mutant(n).path) for n in sys.argv[1:]}))
"""
# A mutant needs no smallest example, and must meet the same examples each time. What the parent of a
# fork has cached would hide the mutants of the function that is not called again.
_CONFTEST: Final = """
import sys

from hypothesis import Phase, settings

settings.register_profile(
    "mutation",
    phases=(Phase.explicit, Phase.generate),
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=15,
)
settings.load_profile("mutation")


def pytest_runtest_setup() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("ticketpay.domain."):
            for thing in list(vars(module).values()):
                getattr(thing, "cache_clear", lambda: None)()
"""
_SENTENCE: Final = re.compile(r'"[a-z][^"]* [^"]*"')
_KEY: Final = re.compile(r"\.(?:xǁ(?P<cls>\w+?)ǁ|x_)(?P<function>\w+)__mutmut_\d+$")


@attrs.frozen(kw_only=True)
class Survivor:
    """A mutant by what it changes: robust against renumbering; lines are stripped and joined."""

    file: str
    function: str
    was: str
    now: str


@attrs.frozen(kw_only=True)
class Mutant(Survivor):
    """A mutant and what became of it: killed, timeout or survived; anything else is a fault."""

    tool: str
    outcome: str

    @property
    def key(self) -> Survivor:
        """What identifies it."""
        return Survivor(file=self.file, function=self.function, was=self.was, now=self.now)


def explained(path: Path = SURVIVORS) -> dict[Survivor, str]:
    """The survivors that are explained, each with its one line of why."""
    table = tomllib.loads(path.read_text("utf-8"))
    lines: dict[Survivor, str] = {}
    for row in table.get("survivor", []):
        why = row.pop("why").strip()
        key = Survivor(**row)
        if not why or "\n" in why or key in lines:
            raise ValueError(f"one line of why, once: {key}")
        lines[key] = why
    return lines


def changed_lines(diff: str) -> tuple[str, str]:
    """What a unified diff takes out and what it puts in, stripped and joined by blanks."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    was, now = (
        " ".join(" ".join(line[1:] for line in lines if line.startswith(sign)).split())
        for sign in "-+"
    )
    return was, now


def is_message(mutant: Survivor) -> bool:
    """Whether only a sentence for people differs (lower-case, with a blank): such are not counted."""
    return any(
        re.fullmatch(
            f'{re.escape(mutant.was[: m.start()])}"[^"]*"{re.escape(mutant.was[m.end() :])}',
            mutant.now,
        )
        for m in _SENTENCE.finditer(mutant.was)
    )


def problems(mutants: Sequence[Mutant], why: Mapping[Survivor, str]) -> list[str]:
    """What fails the campaign; ``why`` may hold lines of files that were not mutated."""
    found = []
    for package, outcomes in _tally(mutants).items():
        killed, total = outcomes["killed"] + outcomes["timeout"], sum(outcomes.values())
        if 100 * killed < KILLED_PERCENT_MIN * total:
            found.append(f"{package}: {killed} of {total} killed, under {KILLED_PERCENT_MIN} %")
    alive = {m.key for m in mutants if m.outcome not in ("killed", "timeout")}
    files = {m.file for m in mutants}
    found += [f"not explained: {key}" for key in sorted(alive - why.keys(), key=str)]
    stale = {key for key in why.keys() - alive if key.file in files}
    return found + [f"explained, but killed: {key}" for key in sorted(stale, key=str)]


def _tally(mutants: Iterable[Mutant]) -> dict[str, Counter[str]]:
    tally: dict[str, Counter[str]] = {}
    for mutant in mutants:
        tally.setdefault(mutant.file.partition("/")[0], Counter())[mutant.outcome] += 1
    return tally


def _copy(package: str) -> Path:
    folder = SCRATCH / package
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in (DOMAIN, Path("src/ticketpay/ports"), Path("tests/spec")):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "src/ticketpay/__init__.py", folder / "src/ticketpay")
    (folder / "tests/conftest.py").write_text(_CONFTEST, "utf-8")
    config = {
        "source_paths": ["src"],
        "only_mutate": [f"{DOMAIN}/{package}/*"],
        "do_not_mutate_patterns": [_MESSAGES],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [f"tests/spec/{package}"],
        "timeout_constant": 5.0,
        "use_git_change_detection": False,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in config.items()]
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    text = "\n".join([project, "[tool.mutmut]", *lines, ""])
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return folder


def _refreshed(package: str) -> Path:
    """The copy of the run before, with today's tests; its sources must be today's."""
    folder = SCRATCH / package
    for path in (ROOT / DOMAIN / package).rglob("*.py"):
        if path.read_text("utf-8") != (folder / path.relative_to(ROOT)).read_text("utf-8"):
            raise SystemExit(f"{path.name} has changed: run {package} without --again")
    for tests in (folder / "tests/spec", folder / "mutants/tests/spec"):
        shutil.copytree(ROOT / "tests/spec", tests, dirs_exist_ok=True)
    return folder


def _run(folder: Path, *command: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def _results(folder: Path) -> dict[str, tuple[Path, str]]:
    return {
        name: (path, _OUTCOMES.get(code, f"exit {code}"))
        for path in sorted((folder / "mutants" / DOMAIN).glob("*/*.py.meta"))
        for name, code in json.loads(path.read_text("utf-8"))["exit_code_by_key"].items()
    }


def _by_mutmut(folder: Path, *, again: bool) -> Iterator[Mutant]:
    before = _results(folder).items() if again else []
    alive = [name for name, (_, outcome) in before if outcome not in ("killed", "timeout")]
    if alive or not again:
        _run(folder, "-m", "mutmut", "run", "--max-children", "2", *alive)
    results = _results(folder)
    diffs = json.loads(_run(folder, "-c", _DIFFS, *results))
    for name, (path, outcome) in results.items():
        was, now = changed_lines(diffs[name])
        key = _KEY.search(name)
        yield Mutant(
            file=path.relative_to(folder / "mutants" / DOMAIN).as_posix().removesuffix(".meta"),
            function=".".join(filter(None, key.group("cls", "function"))) if key else name,
            was=was,
            now=now,
            tool="mutmut",
            outcome=outcome,
        )


def _by_cosmic_ray(folder: Path, package: str, *, again: bool) -> Iterator[Mutant]:
    _run(folder, str(ROOT / "tools/mutate_outside.py"), package, *(["again"] if again else []))
    for row in json.loads((folder / "outside.json").read_text("utf-8")):
        was, now = changed_lines(row.pop("diff"))
        yield Mutant(**row, was=was, now=now, tool="cosmic-ray")


def _campaign(package: str, *, again: bool) -> list[Mutant]:
    started = time.monotonic()
    folder = _refreshed(package) if again else _copy(package)
    made = [*_by_cosmic_ray(folder, package, again=again), *_by_mutmut(folder, again=again)]
    mutants = [mutant for mutant in made if not is_message(mutant)]
    for tool in ("mutmut", "cosmic-ray"):
        print(_line(package, tool, [m for m in mutants if m.tool == tool]))
    seconds = time.monotonic() - started
    print(f"{_line(package, 'together', mutants)} in {seconds:.0f} s", flush=True)
    rows = [attrs.asdict(mutant) for mutant in mutants]
    (SCRATCH / f"{package}.json").write_text(json.dumps(rows, indent=1), "utf-8")
    return mutants


def _line(package: str, tool: str, mutants: Sequence[Mutant]) -> str:
    outcomes = Counter(mutant.outcome for mutant in mutants)
    killed = outcomes["killed"] + outcomes["timeout"]
    return (
        f"{package:<10} {tool:<10} {len(mutants):>4} mutants, {killed} killed"
        f" ({outcomes['timeout']} by the clock), {len(mutants) - killed} survived:"
        f" {100 * killed / max(len(mutants), 1):.1f} %"
    )


def main(arguments: Sequence[str]) -> int:
    """Mutate the packages named, or all; 0 when the score holds and survivors are explained.

    With ``--again`` only what survived the run before is run, against today's tests: a test that
    is added can kill, it cannot bring back to life.
    """
    packages = [name for name in arguments if name != "--again"] or PACKAGES
    unknown = set(packages) - set(PACKAGES)
    if unknown:
        raise SystemExit(f"not among {', '.join(PACKAGES)}: {', '.join(sorted(unknown))}")
    again = "--again" in arguments
    mutants = [mutant for package in packages for mutant in _campaign(package, again=again)]
    found = problems(mutants, explained())
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
