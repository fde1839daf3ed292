"""A folder that is held open: each file in it is opened by its name within the folder, and never through a link.

A file is either new, under a temporary name that is renamed when the whole file is on the disk, or it is continued,
and then it is a regular file without another name.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from tl.errors import TLError

TEMPORARY = ".part"
_LEFT = re.compile(rf"\.[0-9a-f]{{12}}{re.escape(TEMPORARY)}")  # the names that _temporary makes
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe under a file's name would wait for its other end
_NO_FOLDER_SYNC = (errno.EINVAL, errno.EOPNOTSUPP)


class NotOurs(TLError):
    """What lies under a name is not what `tl` writes there: a link, a file with two names, another user's file."""


class Folder:
    """An open folder. Its `path` is for messages: the methods take names within the folder, whatever its path leads to
    meanwhile."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self.descriptor, self.path = descriptor, path

    @classmethod
    @contextmanager
    def at(cls, path: Path, *, make: bool = False) -> Iterator[Self]:
        """The folder at a path that the user gave, which may lead through links; with `make` it need not be there."""
        if make:
            path.mkdir(parents=True, exist_ok=True)
        yield from cls._held(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)

    @contextmanager
    def within(self, name: str, *, make: bool = False) -> Iterator[Self]:
        """A folder in this one, which is no link; with `make` it need not be there."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.descriptor)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(name, flags, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise NotOurs(f"'{self.path / name}' is a link, or no folder: remove it.") from error
            raise
        yield from self._held(descriptor, self.path / name)

    @classmethod
    def _held(cls, descriptor: int, path: Path) -> Iterator[Self]:
        try:
            yield cls(descriptor, path)
        finally:
            os.close(descriptor)

    @property
    def ours(self) -> bool:
        """True where the folder belongs to the user who runs `tl`."""
        return os.fstat(self.descriptor).st_uid == os.geteuid()

    def create(self, name: str) -> BinaryIO:
        """A new file, to be read and written; FileExistsError where anything has that name."""
        return os.fdopen(self._open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b")

    def read(self, name: str) -> BinaryIO:
        """A regular file to be read; it may be another user's, as in a cache that several users share."""
        descriptor = self._open(name, os.O_RDONLY)
        self._check(descriptor, name, "" if stat.S_ISREG(os.fstat(descriptor).st_mode) else "is no regular file")
        return os.fdopen(descriptor, "rb")

    def proceed(self, name: str, *, make: bool = True) -> BinaryIO:
        """A file to be read and written from its first byte; NotOurs unless it is a regular file of our own user, with
        one name. With `make` it need not be there."""
        descriptor = self._open(name, os.O_RDWR | (os.O_CREAT if make else 0))
        self._check(descriptor, name, why_not_ours(os.fstat(descriptor)))
        return os.fdopen(descriptor, "r+b")

    def append(self, name: str, content: bytes) -> None:
        """Write at the end of a file, which is made where it is not there, and is a regular file with one name."""
        descriptor = self._open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._check(descriptor, name, why_not_ours(os.fstat(descriptor), owner=False))
        with os.fdopen(descriptor, "ab") as file:
            file.write(content)

    def _open(self, name: str, flags: int) -> int:
        """The descriptor of a file; NotOurs where the name is a link or a pipe."""
        try:
            return os.open(name, flags | _ALWAYS, 0o666, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                what = "is a link" if error.errno == errno.ELOOP else "is no regular file"
                raise NotOurs(f"'{self.path / name}' {what}: remove it.") from error
            raise

    def _check(self, descriptor: int, name: str, wrong: str) -> None:
        if wrong:
            os.close(descriptor)
            raise NotOurs(f"'{self.path / name}' {wrong}: remove it, or put a copy in its place.")

    def is_ours(self, name: str, kind: int = stat.S_IFREG) -> bool:
        """True where a name is that of our own user's regular file, with no other name, or with S_IFDIR of a folder."""
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if kind == stat.S_IFDIR:
            return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        return not why_not_ours(found)

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """A file that gets its name when the context ends and all of it is on the disk. Where the context or the disk
        fails, what had the name before is still there, unchanged. A link of that name is replaced, not followed."""
        part = _temporary()
        file = self.create(part)
        try:
            with file:
                self._keep_mode(file, name)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.rename(part, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=self.descriptor)
            raise
        self.sync()

    def _keep_mode(self, file: BinaryIO, name: str) -> None:
        """Give the new file the permissions of the one that it replaces."""
        with suppress(FileNotFoundError):
            before = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            if stat.S_ISREG(before.st_mode):
                os.fchmod(file.fileno(), before.st_mode & 0o777)

    def write_whole(self, name: str, content: bytes) -> None:
        """Write a file under another name, and rename it when it is on the disk; an OSError leaves the old file."""
        with self.replacing(name) as file:
            file.write(content)

    def make_ours(self, name: str) -> None:
        """Put a copy in the place of a file that has a second name or another owner; NotOurs where it is a link."""
        try:
            with self.read(name) as file:
                if why_not_ours(os.fstat(file.fileno())):
                    with self.replacing(name) as copy:
                        shutil.copyfileobj(file, copy)
        except FileNotFoundError:
            return

    def sync_file(self, name: str) -> None:
        """Make sure that a file's content is on the disk; does nothing where it is not there."""
        with suppress(FileNotFoundError), self.read(name) as file:
            os.fsync(file.fileno())

    def rename(self, name: str, new: str) -> None:
        """Rename a file or folder within this folder, and make sure that the names are on the disk."""
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        self.sync()

    def move(self, name: str, to: Folder, new: str) -> None:
        """Move a file from this folder to another one on the same disk, and make sure that its new name is there."""
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=to.descriptor)
        to.sync()

    def try_to_write(self) -> None:
        """OSError where no file can be made in the folder."""
        name = _temporary()
        self.create(name).close()
        os.unlink(name, dir_fd=self.descriptor)

    def remove_empty(self, name: str) -> None:
        """Remove a folder within this one if nothing is in it."""
        with suppress(OSError):
            os.rmdir(name, dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, a link or a whole folder, as far as it can be removed; nothing outside is touched."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return
        except OSError:
            shutil.rmtree(name, ignore_errors=True, dir_fd=self.descriptor)

    def remove_left(self, *, depth: int) -> None:
        """Remove what a process that was killed left of files that it was writing, here and in so many folders below.

        Only files that bear a temporary name of `replacing` and are ours go; nobody else may be writing here.
        """
        for name in os.listdir(self.descriptor):
            if _LEFT.fullmatch(name) and self.is_ours(name):
                self.remove(name)
            elif depth and self.is_ours(name, stat.S_IFDIR):
                with self.within(name) as folder:
                    folder.remove_left(depth=depth - 1)

    def sync(self) -> None:
        """Make sure that the names in the folder are on the disk; some file systems know no such thing."""
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise


def _temporary() -> str:
    return f".{secrets.token_hex(6)}{TEMPORARY}"


def why_not_ours(found: os.stat_result, *, owner: bool = True) -> str:
    """What is wrong with a file that is to be continued, as words behind its name; '' where nothing is."""
    if not stat.S_ISREG(found.st_mode):
        return "is a link" if stat.S_ISLNK(found.st_mode) else "is no regular file"
    if found.st_nlink > 1:
        return "has another name elsewhere (a hard link), so what is written there would change that file too"
    return "belongs to another user" if owner and found.st_uid != os.geteuid() else ""


def write_whole(path: Path, content: bytes) -> None:
    """Write the file at a path: it is whole or as before, and a link of that name is replaced, not followed."""
    with Folder.at(path.parent, make=True) as folder:
        folder.write_whole(path.name, content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at the path when the context ends without an error; see `Folder.replacing`."""
    with Folder.at(path.parent, make=True) as folder, folder.replacing(path.name) as file:
        yield file


def refuse_link(key: str, path: Path) -> None:
    """TLError where a file that is to be written is a link: what it leads to may be nobody's to overwrite."""
    if path.is_symlink():
        raise NotOurs(f"{key} '{path}' is a link to '{os.readlink(path)}': name that file itself, or remove the link.")
