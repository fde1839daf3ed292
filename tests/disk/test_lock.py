"""A lock is held by one process, ends with it, and is never a file of anybody else's."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from tl.disk import lock
from tl.disk.folder import Folder, NotOurs
from tl.disk.lock import Lock, NoLocks, is_free, take, wait_for

HOLDER = """
import os, sys, time
from pathlib import Path
from tl.disk.folder import Folder
from tl.disk.lock import take
with Folder.at(Path(sys.argv[1])) as folder, take(folder, "x"):
    if not os.fork():
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.at(tmp_path) as opened:
        yield opened


def held(taken: Lock | None) -> Lock:
    assert taken is not None
    return taken


def test_one_holds_it_and_its_file_goes_with_it(folder: Folder) -> None:
    with held(take(folder, "x")):
        assert take(folder, "x") is None
        assert not is_free(folder, "x")
    assert not (folder.path / "x").exists()
    with held(take(folder, "x")):
        pass


def test_a_lock_whose_file_was_removed_meanwhile_is_none(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder lets go between our opening the file and locking it: two would hold two files of one name."""
    first, genuine = held(take(folder, "x")), fcntl.flock

    def release_first(descriptor: int, kind: int) -> None:
        first.release()
        genuine(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", release_first)
    with held(take(folder, "x")):
        assert (folder.path / "x").exists()
        assert take(folder, "x") is None


def test_a_killed_holders_children_do_not_keep_it(folder: Folder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            assert take(folder, "x") is None
            holder.kill()
            holder.wait()
            assert is_free(folder, "x")
            with held(take(folder, "x")):
                os.kill(child, 0)  # the child lives
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_child_that_ends_releases_nothing(folder: Folder) -> None:
    with held(take(folder, "x")) as mine:
        child = get_context("fork").Process(target=mine.release)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert take(folder, "x") is None


def test_whoever_waits_is_told_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, told = held(take(folder, "x")), []
    naps = iter((lambda: None, first.release))
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: next(naps)())
    with wait_for(folder, "x", lambda: told.append("waits")):
        assert told == ["waits"]


@pytest.mark.parametrize("content", ["precious", ""])
def test_a_planted_link_is_refused_and_its_target_is_as_it_was(content: str, folder: Folder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text(content)
    (tmp_path / "x").symlink_to(victim)
    for use in (take, is_free):
        with pytest.raises(NotOurs, match="is a link"):
            use(folder, "x")
    assert victim.read_text() == content


def test_a_file_with_other_content_is_locked_but_not_written(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "x").hardlink_to(tmp_path / "victim")
    with held(take(folder, "x")):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told_apart(
    number: int, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(NoLocks):
        take(folder, "x")
    (folder.path / "x").touch()
    assert not is_free(folder, "x")
