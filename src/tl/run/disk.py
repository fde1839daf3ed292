"""Files that are either whole or not there, whenever the machine stops."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tl.errors import TLError, Unwritable
from tl.foreign import advice
from tl.recipe.unicode import is_unicode

_GB, _CHUNK = 1024**3, 1 << 22


@contextmanager
def writing(place: Path, after: str) -> Iterator[None]:
    """A context in which an error of the disk becomes one sentence: what it calls for, then `after`."""
    try:
        yield
    except OSError as error:
        what = f"{place} cannot be written ({error.strerror or error})"
        raise Unwritable(f"{what}: {advice(error.errno)}{after}") from error


def write_whole(target: Path, content: bytes) -> None:
    """Write a file under another name, and rename it when it is on the disk; an OSError leaves the old file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def check_unicode(folder: Path) -> None:
    """TLError where a run's path is no Unicode: the library that reads weights opens no such file."""
    if not is_unicode(str(folder)):
        raise TLError(f"'{folder}' is no UTF-8 text: give a folder for runs whose name is in UTF-8.")


def hash_of(file: Path) -> str:
    """The blake2b hash of a file's content."""
    digest = hashlib.blake2b(digest_size=32)
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_free_space(folder: Path, needed: int) -> None:
    """TLError where the disk of a folder has fewer free bytes than needed."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise TLError(
            f"{folder}: checkpoints and model take up to {needed / _GB:.2g} GB, but the disk has {free / _GB:.2g} GB "
            "free: make room, or give another folder with --runs."
        )
