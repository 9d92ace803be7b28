"""The data folder: where it is, how it is created, and the lock that gives it one owner."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import attrs

from ticketpay.adapters.embedded.accounts import Account, first_closed, is_root
from ticketpay.adapters.embedded.errors import DataFolderInUse, DataFolderUnusable

if sys.platform != "win32":
    import fcntl

__all__ = ["FolderLock", "default_data_folder", "make_folder", "require_reachable"]


def default_data_folder() -> Path:
    """``TICKETPAY_DATA``; else /var/lib/ticketpay/data as root; else below the XDG data home."""
    if wished := os.environ.get("TICKETPAY_DATA"):
        return Path(wished).expanduser().absolute()
    if is_root():
        return Path("/var/lib/ticketpay/data")
    xdg = os.environ.get("XDG_DATA_HOME", "")
    # The XDG rules say that a relative path is invalid and must be ignored.
    base = Path(xdg) if xdg.startswith("/") else Path.home() / ".local" / "share"
    return base / "ticketpay"


def make_folder(folder: Path, *, owner: Account | None = None) -> Path:
    """Create ``folder`` and its missing parents; only what we create gets a mode and an owner.

    Root's folders may be passed through by all (0755), because the server is not root; one with an
    ``owner`` is that account's alone, and so are all folders of other users (0700).
    """
    try:
        missing = [step for step in (*reversed(folder.parents), folder) if not step.exists()]
        for step in missing:
            step.mkdir(exist_ok=True)
            private = not is_root() or (owner is not None and step == folder)
            step.chmod(0o700 if private else 0o755)
        if missing and owner is not None:
            os.chown(folder, owner.uid, owner.gid)
    except OSError as error:
        raise DataFolderUnusable(
            f"cannot create {folder} ({error.strerror}): set TICKETPAY_DATA to a folder you own"
        ) from error
    return folder


def require_reachable(folder: Path, account: Account | None) -> None:
    """Raise DataFolderUnusable when ``account`` cannot come as far as ``folder`` exists."""
    closed = first_closed(folder / "inside", account) if account else None
    if account and closed:
        raise DataFolderUnusable(
            f"as root we run servers as {account.name!r}, who may not enter {closed} on the way to "
            f"{folder}: set TICKETPAY_DATA to an open folder such as /var/lib/ticketpay/data, "
            f"or run ticketpay as the owner of {closed}"
        )


@attrs.define(eq=False)
class FolderLock:
    """An exclusive lock which ends with ``release`` or with our process, however that dies."""

    _descriptor: int

    @classmethod
    def acquire(cls, folder: Path) -> FolderLock:
        """Lock ``folder``, or raise DataFolderInUse at once."""
        descriptor = _opened(folder / "lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DataFolderInUse(folder, f"process {holder or '(unknown)'}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder back; the second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            # A child that is between fork and exec still has a copy: unlock, do not only close.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _opened(lock: Path) -> int:
    """A descriptor that no child program inherits; the file stays when the lock is released."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DataFolderUnusable(
            f"cannot write {lock} ({error.strerror}): run ticketpay as the owner of {lock.parent}, "
            "or set TICKETPAY_DATA to another folder"
        ) from error
