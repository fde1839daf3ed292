"""Locks: a file that one process holds at a time. It is made to be locked, and removed when the lock is released.

A lock ends with its process, even where that is killed: forked children and started programs do not inherit it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tl.disk.folder import Folder, NotOurs

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_UNKNOWN = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_POLL = 0.05


class NoLocks(OSError):
    """The file system knows no locks."""


class Lock:
    """A held lock, and a context that releases it at its end. `take` and `wait_for` make it."""

    def __init__(self, folder: Folder, name: str, descriptor: int) -> None:
        self.name, self._descriptor = name, descriptor
        self._folder = os.dup(folder.descriptor)
        _held.add(self)

    def release(self) -> None:
        """Remove the lock's file, then let go of it; does nothing in a forked child, which does not hold the lock."""
        if self in _held:
            with suppress(
                OSError
            ):  # another user's folder, or a disk that became read-only: the lock ends all the same
                os.unlink(self.name, dir_fd=self._folder)
            self._close()
            _held.discard(self)

    def _close(self) -> None:
        os.close(self._descriptor)
        os.close(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_held: set[Lock] = set()


def _forget_in_child() -> None:
    """Close the locks' descriptors in a forked child: a lock lasts as long as any process has its file open."""
    for lock in _held:
        lock._close()
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def take(folder: Folder, name: str) -> Lock | None:
    """The lock of a name in the folder, without waiting; None where another process holds it.

    NoLocks where the file system knows no locks; NotOurs where the name is a link or no regular file.
    """
    while True:
        descriptor = _open(folder, name, os.O_RDWR | os.O_CREAT)
        try:
            if not _flock(descriptor, fcntl.LOCK_EX):
                os.close(descriptor)
                return None
            if _is_there(folder, name, descriptor):
                return Lock(folder, name, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder has removed the file meanwhile: this is no lock any more


def wait_for(folder: Folder, name: str, waits: Callable[[], None]) -> Lock:
    """The lock of a name, once no other process holds it; `waits` is called once, before waiting."""
    lock = take(folder, name)
    if lock is None:
        waits()
    while lock is None:
        time.sleep(_POLL)
        lock = take(folder, name)
    return lock


def is_free(folder: Folder, name: str) -> bool:
    """True where the lock's file is there, but no process holds it: the process that held it was killed."""
    try:
        descriptor = _open(folder, name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return _flock(descriptor, fcntl.LOCK_SH)
    except NoLocks:
        return False
    finally:
        os.close(descriptor)


def _open(folder: Folder, name: str, flags: int) -> int:
    try:
        descriptor = os.open(name, flags | _FLAGS, 0o666, dir_fd=folder.descriptor)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise NotOurs(f"'{folder.path / name}' is a link, or no lock file: remove it.") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotOurs(f"'{folder.path / name}' is no lock file: remove it.")
    return descriptor


def _flock(descriptor: int, kind: int) -> bool:
    """Take the lock of an open file without waiting; True where that succeeded."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNKNOWN:
            raise NoLocks(error.errno, "the file system knows no locks") from error
        raise
    return True


def _is_there(folder: Folder, name: str, descriptor: int) -> bool:
    """True where the open file is the one that has the name now."""
    try:
        there = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
