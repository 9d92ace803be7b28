"""Which account runs an embedded server, and where that account may go.

PostgreSQL refuses to run as root, so root starts it as ``nobody``; anybody else starts it as
himself. ``nobody`` must be able to enter every folder on the way; we look, and never change modes.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import attrs

from ticketpay.adapters.embedded.errors import EmbeddedError

if sys.platform != "win32":
    import pwd

__all__ = ["Account", "account_named", "first_closed", "is_root", "server_account"]


@attrs.frozen
class Account:
    """A Unix account with its primary group."""

    name: str
    uid: int
    gid: int


def account_named(name: str) -> Account:
    """The account of that name; raises EmbeddedError when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedError(
            f"there is no account {name!r} here: run ticketpay as a user other than root"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def is_root() -> bool:
    """Whether we run as root; never where there is no such thing."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def server_account() -> Account | None:
    """``nobody`` when we are root, else None: the server runs as ourselves."""
    return account_named("nobody") if is_root() else None


def first_closed(path: Path, account: Account) -> Path | None:
    """The first existing step from / to ``path`` that ``account`` may not read and enter or run."""
    absolute = path.absolute()
    for end in dict.fromkeys((absolute, absolute.resolve())):
        for step in (*reversed(end.parents), end):
            if step.exists() and not _may_enter(step.stat(), account, last=step == end):
                return step
    return None


def _may_enter(status: os.stat_result, account: Account, *, last: bool) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH if last else stat.S_IXOTH
    shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
    return (status.st_mode >> shift) & wanted == wanted
