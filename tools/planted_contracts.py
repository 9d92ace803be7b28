"""Prove that every import contract bites: plant one violation each, and see exactly it reported.

A contract that nothing can break proves nothing. For each contract of ``[tool.importlinter]`` the
sources are copied to a temporary folder, one module there gets one forbidden import, and
``lint-imports`` must then break that contract and no other that it does not imply.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import attrs

__all__ = ["PLANTS", "Plant", "broken_contracts", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
_BROKEN: Final = re.compile(r"^(?P<name>.+) BROKEN(?: \(.*\))?$", re.MULTILINE)


@attrs.frozen
class Plant:
    """One violation: the contract that must notice, and the line that each module gets.

    ``implies`` names a contract that cannot be kept when the first is broken in this way.
    """

    contract: str
    lines: tuple[tuple[str, str], ...]
    implies: tuple[str, ...] = ()


PLANTS: Final = (
    Plant("floors", (("planted/__init__.py", '"""A fifth package."""'),)),
    Plant(
        "floors",
        (("ports/planted.py", "import ticketpay.entrypoints.settings"),),
        # Who imports upward closes a circle, because the upper floor imports the lower one.
        implies=("acyclic",),
    ),
    Plant(
        "contexts",
        (("domain/ledger/model.py", "import ticketpay.domain.messaging.signing"),),
    ),
    Plant(
        "nouns",
        (
            ("domain/orders/states.py", "import ticketpay.domain.orders.planted"),
            ("domain/orders/planted.py", "import ticketpay.domain.orders.policy"),
            ("domain/orders/policy.py", ""),
        ),
    ),
    Plant(
        "strangers",
        (("adapters/embedded/errors.py", "import ticketpay.adapters.sandbox.ids"),),
    ),
    Plant(
        "composition",
        (("entrypoints/planted.py", "import ticketpay.adapters.sandbox.world"),),
    ),
    Plant(
        "use-cases",
        (("ports/planted.py", "import ticketpay.domain.processes.relay"),),
    ),
    Plant(
        "pure",
        (("domain/payments/facts.py", "import stripe"),),
    ),
    Plant(
        "acyclic",
        (
            ("domain/kernel/ids.py", "import ticketpay.domain.kernel.planted"),
            ("domain/kernel/planted.py", "import ticketpay.domain.kernel.ids"),
        ),
    ),
)


def contract_names() -> dict[str, str]:
    """The contracts of pyproject.toml: id -> name."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract["name"] for contract in contracts}


def broken_contracts(plant: Plant | None) -> set[str]:
    """The names of the contracts that break in a copy of the sources with ``plant`` in it."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", copy / "src", ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", copy)
        for where, line in plant.lines if plant else ():
            _append(copy / "src" / "ticketpay" / where, line)
        return set(_BROKEN.findall(_lint(copy)))


def _append(module: Path, line: str) -> None:
    before = module.read_text("utf-8") if module.exists() else ""
    module.parent.mkdir(exist_ok=True)
    module.write_text(f"{before}\n{line}\n", "utf-8")


def _lint(folder: Path) -> str:
    code = (
        "import sys; sys.path.insert(0, 'src');"
        "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Contracts:" not in done.stdout:
        raise RuntimeError(f"lint-imports did not run: {done.stdout}{done.stderr}")
    return done.stdout


def _verdicts() -> list[str]:
    names = contract_names()
    problems = [f"contract {key!r} has no planted violation" for key in _unplanted(names)]
    cases: list[Plant | None] = [None, *PLANTS]
    with ThreadPoolExecutor(max_workers=4) as pool:
        for plant, broken in zip(cases, pool.map(broken_contracts, cases), strict=True):
            expected = {names[c] for c in (plant.contract, *plant.implies)} if plant else set()
            title = plant.contract if plant else "nothing planted"
            print(f"{title}: {', '.join(sorted(broken)) or 'all kept'}")
            if broken != expected:
                problems.append(f"{title}: expected {sorted(expected)}, broke {sorted(broken)}")
    return problems


def _unplanted(names: dict[str, str]) -> list[str]:
    return sorted(names.keys() - {plant.contract for plant in PLANTS})


def main() -> int:
    """Plant every violation; 0 when each breaks exactly its own contract."""
    problems = _verdicts()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
