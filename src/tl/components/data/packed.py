"""Files as they are or packed: .gz, .xz, and .zip of one file."""

from __future__ import annotations

import gzip
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tl.boundary.foreign import machine_fault, reading
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

PACKED = (".gz", ".xz", ".zip")
MOST_UNPACKED, MOST_RATIO = 1 << 24, 100
"""A packed table takes a tenth or a twentieth of its bytes. A file that unpacks to more than MOST_UNPACKED bytes and to
more than MOST_RATIO times its size was made to fill the memory."""
_CHUNK = 1 << 20


def refuse_packed(file: Path, what: str) -> None:
    """TLError for a packed file of a kind that packs what it holds itself; `what` begins a sentence."""
    if file.suffix.lower() in PACKED:
        raise TLError(f"{short_path(file)}: {what} packed within: unpack the file.")


def inner_name(file: Path) -> str:
    """The name of the file itself, or of the one that is packed in it."""
    match file.suffix.lower():
        case ".gz" | ".xz":
            return file.with_suffix("").name
        case ".zip":
            return _member(file)
    return file.name


@contextmanager
def unpacked(file: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked; TLError where it cannot be unpacked, or holds far more than a table would."""
    with reading(short_path(file), "cannot be unpacked", "copy the file again"):
        if file.suffix.lower() in PACKED:
            with _opened(file) as stream:
                _check_size(file, stream)
    with _opened(file) as stream:
        try:
            yield stream
        except OSError as error:
            raise machine_fault(error, short_path(file)) or error from error


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    match file.suffix.lower():
        case ".gz":
            with gzip.open(file) as stream:
                yield cast("IO[bytes]", stream)
        case ".xz":
            with lzma.open(file) as stream:
                yield cast("IO[bytes]", stream)
        case ".zip":
            with zipfile.ZipFile(file) as archive, archive.open(_member(file)) as stream:
                yield stream
        case _:
            with file.open("rb") as stream:
                yield stream


def _check_size(file: Path, stream: IO[bytes]) -> None:
    """TLError where a packed file unpacks to far more than a table would. It is read in chunks, and none is kept."""
    left = max(MOST_UNPACKED, MOST_RATIO * file.stat().st_size)
    while piece := stream.read(_CHUNK):
        left -= len(piece)
        check_unpacked(file, left)


def check_unpacked(file: Path, left: int) -> None:
    """TLError where what a file may unpack to is used up."""
    if left < 0:
        raise TLError(f"{short_path(file)}: unpacks to far more than a table would: unpack it and look at it.")


def _member(file: Path) -> str:
    with reading(short_path(file), "cannot be unpacked", "copy the file again"), zipfile.ZipFile(file) as archive:
        found = [one for one in archive.infolist() if not one.is_dir() and not _by_the_system(one.filename)]
    if len(found) != 1:
        listed = ", ".join(one.filename for one in found[:3]) + (" and others" if len(found) > 3 else "")
        what = f"holds {len(found)} files ({listed})" if found else "holds no file"
        raise TLError(f"{short_path(file)}: {what}, but a packed table is one file: unpack it and name the table.")
    if found[0].flag_bits & 1:
        raise TLError(f"{short_path(file)}: is locked by a password: unpack it and name the table.")
    return found[0].filename


def _by_the_system(name: str) -> bool:
    return name.startswith("__MACOSX") or Path(name).name.startswith(".")
