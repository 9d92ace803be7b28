"""Data folders, their modes, owners and lock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ticketpay.adapters.embedded import accounts, folders
from ticketpay.adapters.embedded.accounts import Account, first_closed
from ticketpay.adapters.embedded.errors import DataFolderInUse, DataFolderUnusable
from ticketpay.adapters.embedded.folders import FolderLock, default_data_folder, make_folder

STRANGER = Account("stranger", 54321, 54321)


def test_wished_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """TICKETPAY_DATA decides when it is set."""
    monkeypatch.setenv("TICKETPAY_DATA", "/somewhere/else")
    assert default_data_folder() == Path("/somewhere/else")


def test_folder_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's data is below /var/lib, because nobody may enter root's home."""
    monkeypatch.delenv("TICKETPAY_DATA", raising=False)
    monkeypatch.setattr(folders, "is_root", lambda: True)
    assert default_data_folder() == Path("/var/lib/ticketpay/data")


@pytest.mark.parametrize(
    ("xdg", "expected"),
    [("/xdg", "/xdg/ticketpay"), ("relative", "/home/ann/.local/share/ticketpay")],
)
def test_folder_of_a_user(monkeypatch: pytest.MonkeyPatch, xdg: str, expected: str) -> None:
    """A user's data is below the XDG data home, if that is valid, else below the home."""
    monkeypatch.delenv("TICKETPAY_DATA", raising=False)
    monkeypatch.setattr(folders, "is_root", lambda: False)
    monkeypatch.setenv("XDG_DATA_HOME", xdg)
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_data_folder() == Path(expected)


def test_first_closed(open_folder: Path) -> None:
    """The first folder that an account may not enter is named, even behind a symbolic link."""
    closed = open_folder / "closed"
    closed.joinpath("inside").mkdir(parents=True)
    closed.chmod(0o700)
    link = open_folder / "link"
    link.symlink_to(closed / "inside")
    assert first_closed(link / "data", STRANGER) == closed
    assert first_closed(open_folder / "data", STRANGER) is None


def test_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """A folder that was there keeps mode and owner; only new ones below it get ours."""
    tmp_path.chmod(0o711)
    before = tmp_path.stat()
    made = make_folder(tmp_path / "a" / "b")
    after = tmp_path.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert made.stat().st_mode & 0o777 == (0o755 if accounts.is_root() else 0o700)


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    """A folder that cannot be created is a typed error that says what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match="set TICKETPAY_DATA"):
        make_folder(tmp_path / "file" / "data")


def test_one_lock_at_a_time(tmp_path: Path) -> None:
    """A second lock is refused with folder and holder named, and granted after release."""
    first = FolderLock.acquire(tmp_path)
    with pytest.raises(DataFolderInUse, match=f"{tmp_path} is in use by process {os.getpid()}"):
        FolderLock.acquire(tmp_path)
    first.release()
    first.release()
    FolderLock.acquire(tmp_path).release()


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    """A child that lives on does not hold the lock of its parent."""
    lock = FolderLock.acquire(tmp_path)
    argv = [sys.executable, "-c", "input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, close_fds=False) as child:
        # What happens to the descriptor when the parent is killed: it is closed, not unlocked.
        os.close(lock._descriptor)
        for _ in range(50):
            try:
                FolderLock.acquire(tmp_path).release()
                break
            except DataFolderInUse:
                time.sleep(0.1)
        else:
            pytest.fail("the child holds the lock")
        child.kill()
