"""Rows of numbers in one memory-mapped file: written in any order, in chunks that survive a kill, read by number.

A folder holds `rows.bin` and `layout.json`; while it is written, also `done.bin` with a byte for each finished chunk.
"""

from __future__ import annotations

import json
import mmap
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LAYOUT, _ROWS, _DONE = "layout.json", "rows.bin", "done.bin"
# Pages that were read count as this process's memory until they are let go.
_RESIDENT, _READAHEAD = 256 * 1024**2, 64 * 1024
_SYNC_EVERY = 64 * 1024**2


@dataclass(frozen=True)
class Layout:
    """`n` rows of `shape`; with `lengths`, row i is (lengths[i], *shape). `dtype` is torch's name for it."""

    n: int
    dtype: str
    shape: tuple[int, ...]
    lengths: tuple[int, ...] | None = None

    @cached_property
    def unit(self) -> int:
        """Numbers in a row, or in each entry of a row that has a length."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @cached_property
    def itemsize(self) -> int:
        import torch

        return int(torch.empty(0, dtype=getattr(torch, self.dtype)).element_size())

    @cached_property
    def offsets(self) -> tuple[int, ...] | None:
        """Where each row begins, in entries; None where all rows are of one size."""
        return None if self.lengths is None else tuple(accumulate(self.lengths, initial=0))

    @property
    def bytes(self) -> int:
        """The size of all rows."""
        return (self.n if self.lengths is None else sum(self.lengths)) * self.unit * self.itemsize

    def span(self, number: int) -> tuple[int, int]:
        """First and last entry of a row."""
        return (number, number + 1) if self.offsets is None else (self.offsets[number], self.offsets[number + 1])

    @classmethod
    def read(cls, folder: Path) -> Layout:
        facts = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
        lengths = facts["lengths"]
        return cls(facts["n"], facts["dtype"], tuple(facts["shape"]), None if lengths is None else tuple(lengths))


class Rows:
    """Finished rows; ValueError, KeyError or OSError where the folder does not hold all of them."""

    def __init__(self, folder: Path) -> None:
        import torch

        self.folder, self.layout = folder, Layout.read(folder)
        with (folder / _ROWS).open("rb") as file:
            if os.fstat(file.fileno()).st_size != self.layout.bytes:
                raise ValueError(f"{folder} does not hold all of its rows")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with warnings.catch_warnings():
            # It may not be written to; a private map that may would need as much memory as the file is long.
            warnings.filterwarnings("ignore", "The given buffer is not writable")
            flat = torch.frombuffer(self._map, dtype=getattr(torch, self.layout.dtype))
        self._flat = flat.view(-1, *self.layout.shape)
        self._touched = 0

    def __reduce__(self) -> tuple[type[Rows], tuple[Path]]:
        """A process that is not forked maps the file itself."""
        return Rows, (self.folder,)

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Rows of one size, stacked: (len(numbers), *shape)."""
        import torch

        taken = self._flat[torch.tensor(numbers, dtype=torch.long)]
        self._let_go(len(numbers), taken.nbytes)
        return taken

    def ragged(self, numbers: Sequence[int]) -> list[Tensor]:
        """Rows with lengths, each (length, *shape); what is done with them must be done before the next call."""
        found = [self._flat[slice(*self.layout.span(number))] for number in numbers]
        self._let_go(len(numbers), sum(row.nbytes for row in found))
        return found

    def _let_go(self, rows: int, size: int) -> None:
        self._touched += max(size, rows * _READAHEAD)
        if self._touched > _RESIDENT and len(self._map) > _RESIDENT:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0


class RowWriter:
    """Rows being written, in numbered chunks; one that was finished before a kill need not be written again."""

    def __init__(self, folder: Path, layout: Layout, chunks: int) -> None:
        self.folder, self.layout, self.chunks = folder, layout, chunks
        self._unsynced: list[int] = []
        self._written = 0

    def begin(self) -> None:
        """Make the files, or keep those of a draft of the same layout."""
        self.folder.mkdir(parents=True, exist_ok=True)
        there = self.folder / LAYOUT
        if self._continues():
            return
        there.unlink(missing_ok=True)
        for name, size in ((_ROWS, self.layout.bytes), (_DONE, self.chunks)):
            with (self.folder / name).open("wb") as file:
                file.truncate(size)
        with there.open("w", encoding="utf-8") as file:
            json.dump(asdict(self.layout), file)
            file.flush()
            os.fsync(file.fileno())

    def _continues(self) -> bool:
        try:
            same = Layout.read(self.folder) == self.layout
        except (OSError, ValueError, KeyError):
            return False
        return same and (self._size(_ROWS), self._size(_DONE)) == (self.layout.bytes, self.chunks)

    def _size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.is_file() else -1

    def missing(self) -> list[int]:
        """The chunks still to be written."""
        done = (self.folder / _DONE).read_bytes()
        return [number for number, byte in enumerate(done) if not byte]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside, `write` may be called."""
        self._rows = os.open(self.folder / _ROWS, os.O_RDWR)
        self._done = os.open(self.folder / _DONE, os.O_RDWR)
        try:
            yield
            self._sync()
        finally:
            os.close(self._rows)
            os.close(self._done)

    def write(self, chunk: int, numbers: Sequence[int], rows: Sequence[Tensor]) -> None:
        """Write a chunk: the rows of these numbers, in the layout's type, on the CPU."""
        import torch

        for number, row in zip(numbers, rows, strict=True):
            content = row.contiguous().view(-1).view(torch.uint8).numpy().data
            position = self.layout.span(number)[0] * self.layout.unit * self.layout.itemsize
            while content:
                written = os.pwrite(self._rows, content, position)
                content, position = content[written:], position + written
                self._written += written
        self._unsynced.append(chunk)
        if self._written > _SYNC_EVERY:
            self._sync()

    def _sync(self) -> None:
        """A chunk counts as done only when its rows are on the disk."""
        os.fsync(self._rows)
        for chunk in self._unsynced:
            os.pwrite(self._done, b"\1", chunk)
        self._unsynced, self._written = [], 0

    def finish(self) -> None:
        """What is left is what `Rows` reads."""
        (self.folder / _DONE).unlink()
