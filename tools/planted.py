"""Prove that the tests bite: plant one realistic bug after another, and see each of them found.

``tests/planted/NN-name.patch`` holds a bug as a patch of ``src``; its first lines say what is wrong
and which suites should notice. Each is applied to a copy of the project, where the simulator plays
up to ``--seeds`` histories in at most ``--seconds``, and the named suites run (then all that need
no server, if those find nothing). A test counts that passes without the bug. The page
``docs/reference/planted-bugs.md`` shows which test found which; named bugs replace their lines.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import attrs

__all__ = ["FOUND_SHARE_MIN", "PAGE", "PATCHES", "Bug", "Finding", "bugs", "main", "rows"]

ROOT: Final = Path(__file__).resolve().parent.parent
PATCHES: Final = ROOT / "tests" / "planted"
PAGE: Final = ROOT / "docs" / "reference" / "planted-bugs.md"
FOUND_SHARE_MIN: Final = 0.95
SUITE_SECONDS_MAX: Final = 900
MESSAGE_LENGTH_MAX: Final = 90
_COPIED: Final = ("src", "tests", "tools", "docs", "examples", "bench")
_HEADER: Final = re.compile(r"Bug: (?P<bug>.+)\nSuite: (?P<suites>.+)\n")
_SEED: Final = re.compile(r"^seed (?P<seed>\d+): \w+: (?P<message>.*)$", re.MULTILINE)
_FAILED: Final = re.compile(r"^FAILED (?P<test>.+?)(?: - .*)?$", re.MULTILINE)
_PASSED: Final = re.compile(r"^1 passed", re.MULTILINE)
_PYTEST: Final = ("-x", "-q", "-p", "no:cacheprovider", "--ignore", "tests/planted")
_ROW: Final = re.compile(
    r"^\| (?P<name>\d{2,3}-[a-z-]+) \| (?P<found>[^|]*\|[^|]*\|[^|]*)\|$", re.MULTILINE
)


@attrs.frozen
class Bug:
    """A patch, what it breaks, and the suites that should notice."""

    patch: Path
    text: str
    suites: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as ``07-no-timer-at-birth``."""
        return self.patch.stem


@attrs.frozen
class Finding:
    """What noticed a bug: a seed with the oracle's words, a test; empty when nothing did."""

    bug: Bug
    seed: str
    test: str
    seconds: float
    late: bool
    """Whether something was cut off for its time, and so might have found more."""

    @property
    def is_found(self) -> bool:
        """Whether anything noticed."""
        return bool(self.seed or self.test)

    @property
    def _nothing(self) -> str:
        return "- (cut off for its time)" if self.late else "-"

    @property
    def row(self) -> str:
        """A line of the table."""
        cells = (
            self.bug.name,
            self.bug.text,
            self.seed or self._nothing,
            f"`{self.test}`" if self.test else self._nothing,
        )
        return f"| {' | '.join(cells)} |"


def bugs(only: Sequence[str] = ()) -> list[Bug]:
    """All planted bugs, or those whose name contains one of ``only``.

    Raises:
        ValueError: a word of ``only`` is in no name, or a patch has no header.
    """
    found = []
    for patch in sorted(
        PATCHES.glob("*.patch"), key=lambda patch: int(patch.stem.partition("-")[0])
    ):
        header = _HEADER.match(patch.read_text())
        if header is None:
            raise ValueError(f"{patch.name} does not begin with its Bug and its Suite")
        found.append(Bug(patch, header["bug"], tuple(header["suites"].split())))
    strangers = [word for word in only if not any(word in bug.name for bug in found)]
    if strangers:
        raise ValueError(f"no planted bug is called {', '.join(strangers)}")
    return [bug for bug in found if not only or any(word in bug.name for word in only)]


def rows() -> dict[str, str]:
    """The lines of the page by the bug's name, with what was found of it."""
    if not PAGE.exists():
        return {}
    return {row["name"]: row["found"] for row in _ROW.finditer(PAGE.read_text())}


@attrs.define
class _Tree:
    """A copy of the project, and whether a command in it was cut off for its time."""

    path: Path
    was_late: bool = False

    def run(self, seconds: int, module: str, *arguments: str) -> str:
        """What a module prints there; nothing when it is not done in time."""
        try:
            done = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=self.path,
                env={**os.environ, "PYTHONPATH": f"{self.path / 'src'}{os.pathsep}{self.path}"},
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            self.was_late = True
            return ""
        return done.stdout


def find(bug: Bug, seeds: int, seconds: int) -> Finding:
    """Plant ``bug`` in a copy of the project and let simulator and suites look for it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        tree = _Tree(_planted(bug, Path(scratch)))
        seed = _simulated(tree, seeds, seconds)
        test = _tested(tree, bug.suites) or _tested(tree, ("tests", "-m", "not server"))
    return Finding(bug, seed, test, time.monotonic() - begun, tree.was_late)


def _planted(bug: Bug, scratch: Path) -> Path:
    for name in _COPIED:
        shutil.copytree(ROOT / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.*"):
        if path.is_file():
            shutil.copy(path, scratch)
    subprocess.run(["git", "apply", str(bug.patch)], cwd=scratch, check=True)  # noqa: S607 - git of the PATH
    return scratch


def _simulated(tree: _Tree, seeds: int, seconds: int) -> str:
    said = tree.run(seconds, "tests.simulation", str(seeds))
    broken = _SEED.search(said)
    if broken is None:
        return ""
    message = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", broken["message"])
    return f"seed {broken['seed']}: {message[:MESSAGE_LENGTH_MAX]}".replace("|", "/")


def _tested(tree: _Tree, suites: Iterable[str]) -> str:
    failed = _FAILED.search(tree.run(SUITE_SECONDS_MAX, "pytest", *_PYTEST, *suites))
    if failed is None:
        return ""
    alone = _Tree(ROOT).run(SUITE_SECONDS_MAX, "pytest", *_PYTEST, failed["test"])
    return failed["test"] if _PASSED.search(alone) and not _FAILED.search(alone) else ""


def _page(lines: Sequence[str], seeds: int) -> str:
    found = sum("| seed " in line or "`tests/" in line for line in lines)
    by_seed = sum("| seed " in line for line in lines)
    return "\n".join(
        [
            "# Planted bugs",
            "",
            "Written by `make planted`. Each line is a realistic bug, a patch in `tests/planted/`; beside it",
            f"the first seed whose history broke a promise (of at most {seeds:,}), and the first test of the",
            f"suites that failed. Found: {found} of {len(lines)}, {by_seed} of them by the simulator.",
            "",
            "| No. and name | Bug | Simulator | Suite |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> int:
    """Look for bugs and write down what found them; 1 when too few of them were found, 2 for no such bug."""
    options = _options()
    try:
        chosen = bugs(options.only)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    found = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for finding in pool.map(lambda bug: find(bug, options.seeds, options.seconds), chosen):
            print(f"{finding.row} {finding.seconds:.0f} s", flush=True)
            _write_down(finding, options.seeds)
            found += finding.is_found
    print(f"found: {found} of {len(chosen)}")
    return 0 if found >= FOUND_SHARE_MIN * len(chosen) else 1


def _write_down(finding: Finding, seeds: int) -> None:
    """Put one line into the page, in place of its old one; lines of gone bugs go."""
    lines = {name: f"| {name} | {rest}|" for name, rest in rows().items()}
    lines[finding.bug.name] = finding.row
    PAGE.write_text(_page([lines[bug.name] for bug in bugs() if bug.name in lines], seeds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tools/planted.py")
    parser.add_argument("only", nargs="*", help="parts of names; without any, all")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=300, help="for the simulator, per bug")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
