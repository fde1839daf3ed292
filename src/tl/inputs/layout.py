"""What the rows of a cache entry look like, and the checksums that tell a whole entry of our own from any other.

Each row has a checksum (CRC-32 with the row's number as its start value, so that a row in another's place is found too)
in `digests.bin`, after a hash of the layout and of the entry's name. An entry without that file is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tl.disk.folder import Folder, NotOurs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PART = ".part"
"""How the folder's name of an unfinished entry ends."""
LAYOUT, ROWS, DONE, DIGESTS = "layout.json", "rows.bin", "done.bin", "digests.bin"
HEAD_BYTES, DIGEST_BYTES = 16, 4
FLOATS, BYTES = ("float64", "float32", "float16", "bfloat16"), ("uint8",)
STORED = {"same": FLOATS, "fp16": ("float16",), "bf16": ("bfloat16",)}
"""The types that activations may have in the cache, by the recipe's cache.dtype."""
_ITEMSIZES = dict(zip((*FLOATS, *BYTES), (8, 4, 2, 2, 1), strict=True))


class Damaged(Exception):
    """An entry is not used; the text says why, after "is not used: "."""


@dataclass(frozen=True)
class Layout:
    """`n` rows of `shape`; with `lengths`, row i has the shape (lengths[i], *shape). `dtype` is torch's name."""

    n: int
    dtype: str
    shape: tuple[int, ...]
    lengths: tuple[int, ...] | None = None

    @cached_property
    def unit(self) -> int:
        """How many numbers a row holds, or each entry of a row that has a length."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @cached_property
    def itemsize(self) -> int:
        return _ITEMSIZES[self.dtype]

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64] | None:
        """The entry at which each row begins; None where all rows have the same size."""
        import numpy as np

        return None if self.lengths is None else np.cumsum([0, *self.lengths])

    @property
    def bytes(self) -> int:
        """The bytes of all rows together."""
        return (self.n if self.lengths is None else sum(self.lengths)) * self.unit * self.itemsize

    def span(self, number: int) -> tuple[int, int]:
        """The first entry of a row, and the entry after its last one."""
        if self.offsets is None:
            return number, number + 1
        return int(self.offsets[number]), int(self.offsets[number + 1])


def layout_content(layout: Layout) -> bytes:
    """The layout as its file holds it."""
    return json.dumps(asdict(layout)).encode()


def parse_layout(content: bytes) -> Layout:
    """The layout that a file holds; Damaged where that is none."""
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Damaged("its layout is no JSON") from error
    if not (isinstance(facts, dict) and facts.keys() == {"n", "dtype", "shape", "lengths"}):
        raise Damaged("its layout lacks facts, or has others")
    n, dtype, lengths = facts["n"], facts["dtype"], facts["lengths"]
    ragged = lengths is not None
    sizes = _are_sizes([n], least=1) and _are_sizes(facts["shape"], least=1)
    if not (sizes and isinstance(dtype, str) and dtype in _ITEMSIZES):
        raise Damaged("its layout is none that tl writes")
    if ragged and not (_are_sizes(lengths, least=0) and len(lengths) == n):
        raise Damaged("its layout has other lengths than rows")
    return Layout(n, dtype, tuple(facts["shape"]), tuple(lengths) if ragged else None)


def _are_sizes(values: Any, *, least: int) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= least for value in values)


@dataclass(frozen=True)
class Wanted:
    """What an entry must look like to be what is asked for; `lengths` and `shape` are None where they are not known."""

    n: int
    dtypes: tuple[str, ...] = (*FLOATS, *BYTES)
    lengths: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None

    @classmethod
    def exactly(cls, layout: Layout) -> Wanted:
        """An entry of this layout alone."""
        return cls(layout.n, (layout.dtype,), layout.lengths, layout.shape)

    def allows(self, layout: Layout) -> bool:
        return (
            layout.n == self.n
            and layout.dtype in self.dtypes
            and (self.lengths is None or layout.lengths in (None, self.lengths))
            and (self.shape is None or layout.shape == self.shape)
        )


def head(entry: Path, layout: bytes) -> bytes:
    """A hash of an entry's name and of its layout file's content."""
    name = entry.name.removesuffix(PART)
    return hashlib.blake2b(name.encode() + b"\0" + layout, digest_size=HEAD_BYTES).digest()


def digest(number: int, row: memoryview) -> int:
    """The checksum of a row's bytes in its place."""
    return zlib.crc32(row, number)


@contextmanager
def own_entry(entry: Path) -> Iterator[Folder]:
    """An entry's folder; Damaged where it belongs to another user, or where it or one of its files is a link."""
    try:
        with Folder.at(entry.parent) as cache, cache.within(entry.name) as folder:
            _check_owner(ours=folder.ours)
            yield folder
    except NotOurs as error:
        raise Damaged("it is a link or holds one, or its files are no regular files") from error


@contextmanager
def own_file(folder: Folder, name: str) -> Iterator[BinaryIO]:
    """A file of an entry to be read; Damaged where it is another user's."""
    with folder.read(name) as file:
        _check_owner(ours=os.fstat(file.fileno()).st_uid == os.geteuid())
        yield file


def _check_owner(*, ours: bool) -> None:
    if not ours:
        raise Damaged("it belongs to another user, who could have changed it")


def spoil(entry: Path, number: int | None = None) -> None:
    """Make an entry none, so that it is computed anew: remove its checksums, if their inode still has this number."""
    with suppress(OSError, Damaged), own_entry(entry) as folder:
        if number in (None, os.stat(DIGESTS, dir_fd=folder.descriptor, follow_symlinks=False).st_ino):
            folder.remove(DIGESTS)
