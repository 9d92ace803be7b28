"""``make dist``: wheel and sdist, built twice and equal, and the wheel used where nothing else is.

Builds both twice with one SOURCE_DATE_EPOCH and compares bytes, looks at the wheel's contents,
installs it into an empty environment, runs a sale's arithmetic there with attrs alone, sees what
``ticketpay`` says without its packages, and type-checks a consumer with ``mypy --strict``. It
installs attrs and mypy from the package index; it is no part of ``make test``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

__all__ = ["main", "missing_in_wheel"]

T = TypeVar("T")
ROOT: Final = Path(__file__).resolve().parents[1]
EPOCH: Final = "1767225600"
_DATA: Final = {".sql", ".lua", ".json", ".toml", ".typed"}
_EXAMPLE: Final = """
import sys
before = set(sys.modules)  # what the environment itself loads at its start
from ticketpay.domain.money import Money, USD
from ticketpay.domain.pricing import FeeSchedule
from datetime import UTC, datetime
import ticketpay.domain.processes, ticketpay.domain.payments, ticketpay.domain.ledger
assert Money(5_000) + Money(920) == Money(5_920, USD)
assert FeeSchedule().tier(0) is not None
site = {name.partition(".")[0] for name, module in sys.modules.items()
        if name not in before and "site-packages" in (getattr(module, "__file__", None) or "")}
print(" ".join(sorted(site - {"ticketpay"})))
"""
_CONSUMER: Final = """
from ticketpay.domain.money import Money
from ticketpay.domain.pricing import FeeSchedule, Tier

def double(price: Money) -> Money:
    return price + price

tier: Tier = FeeSchedule().tier(0)
cents: int = double(Money(5_000)).cents
"""
_WRONG: Final = _CONSUMER + "text: str = double(Money(1)).cents\n"


class Failed(Exception):
    """A promise about the distributions does not hold."""


def main() -> int:
    """Run every step; 1 with the reason when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            wheel = _step("built twice, equal", lambda: _reproducible(scratch))
            _step("contents", lambda: _contents(wheel))
            python = _step("installed in an empty environment", lambda: _install(scratch, wheel))
            _step("library with attrs alone", lambda: _library(python))
            _step("command says what to install", lambda: _command(python))
            _step("mypy --strict of a consumer", lambda: _typed(scratch, python))
        except (Failed, subprocess.CalledProcessError) as failed:
            print(f"FAILED: {failed}\n{getattr(failed, 'stderr', '') or ''}", file=sys.stderr)
            return 1
    return 0


def missing_in_wheel(source: Path, names: set[str]) -> set[str]:
    """The package's modules and data files that are not among the wheel's ``names``."""
    wanted = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and (path.suffix == ".py" or path.suffix in _DATA)
    }
    return wanted - names


def _step(name: str, run: Callable[[], T]) -> T:
    begun = time.monotonic()
    result = run()
    print(f"ok  {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    return result


def _run(*words: str | Path, **environ: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, **environ},
    )
    return done.stdout


def _reproducible(scratch: Path) -> Path:
    digests = []
    for name in ("first", "second"):
        out = scratch / name
        build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
        _run(*_with_backend(build), SOURCE_DATE_EPOCH=EPOCH)
        digests.append(
            {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
        )
    if digests[0] != digests[1] or len(digests[0]) != 2:
        raise Failed(f"the builds differ: {digests}")
    for path in sorted((scratch / "first").iterdir()):
        print(f"    {path.name} {path.stat().st_size} bytes sha256 {digests[0][path.name]}")
    return next((scratch / "first").glob("*.whl"))


def _with_backend(build: tuple[str | Path, ...]) -> tuple[str | Path, ...]:
    """Without hatchling at hand, ``build`` fetches it into an environment of its own."""
    try:
        import hatchling  # noqa: F401 - is it there?
    except ImportError:
        return tuple(word for word in build if word != "--no-isolation")
    return build


def _contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = missing_in_wheel(ROOT / "src" / "ticketpay", names)
    strangers = {name for name in names if not name.startswith(("ticketpay/", "ticketpay-"))}
    tests = {name for name in names if "test_" in name or "/tests/" in name}
    if missing or strangers or tests:
        raise Failed(f"missing {missing}, strangers {strangers}, tests {tests}")
    print(f"    {len(names)} files")


def _install(scratch: Path, wheel: Path) -> Path:
    folder = scratch / "empty"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return python


def _library(python: Path) -> None:
    modules = _run(python, "-c", _EXAMPLE).split()
    if set(modules) - {"attr", "attrs"} or not modules:
        raise Failed(f"the library loads {modules}")
    print(f"    third-party modules: {' '.join(modules)}")


def _command(python: Path) -> None:
    done = subprocess.run(
        [str(python.parent / "ticketpay"), "--help"], capture_output=True, text=True, check=False
    )
    if done.returncode != 1 or "pip install '.[server,embedded]'" not in done.stderr:
        raise Failed(f"ticketpay said {done.returncode} {done.stdout!r} {done.stderr!r}")
    print(f"    {done.stderr.strip()}")


def _typed(scratch: Path, python: Path) -> None:
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "mypy>=2.4")
    for name, text, wanted in (("consumer", _CONSUMER, 0), ("wrong", _WRONG, 1)):
        folder = scratch / name
        folder.mkdir()
        (folder / "shop.py").write_text(text, "utf-8")
        words = [str(python), "-m", "mypy", "--strict", "--cache-dir", "/dev/null", "shop.py"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        print(f"    {name}: {done.stdout.strip().splitlines()[-1]}")
        if done.returncode != wanted:
            raise Failed(done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(main())
