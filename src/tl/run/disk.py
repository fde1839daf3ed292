"""What a run asks of its disk: a sentence where it refuses, free room, names that can be opened, hashes of files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tl.boundary.foreign import advice
from tl.errors import TLError, Unwritable
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


def check_free_space(folder: Path, needed: int) -> None:
    """TLError where the disk of a folder has fewer free bytes than needed."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise TLError(
            f"{folder}: checkpoints and model take up to {needed / _GB:.2g} GB, but the disk has {free / _GB:.2g} GB "
            "free: make room, or give another folder with --runs."
        )
