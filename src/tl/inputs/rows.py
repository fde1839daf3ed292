"""Rows that were computed before: one memory-mapped file, read by number, as batches that start late.

A cache entry is a folder with `rows.bin` (the numbers), `layout.json` (their shape and type) and, while it is written,
`done.bin` (a byte for each finished chunk). Writing is in filling.py.
"""

from __future__ import annotations

import json
import mmap
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import tee
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.batch import Batch, Inputs
from tl.inputs.streams import Draw, Source

LAYOUT, ROWS, DONE = "layout.json", "rows.bin", "done.bin"
# Pages that were read count as this process's memory until they are let go.
_RESIDENT, _READAHEAD = 256 * 1024**2, 64 * 1024


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
        return int(torch.empty(0, dtype=getattr(torch, self.dtype)).element_size())

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64] | None:
        """The entry at which each row begins; None where all rows have the same size."""
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

    @classmethod
    def read(cls, folder: Path) -> Layout:
        facts = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
        lengths = facts["lengths"]
        return cls(facts["n"], facts["dtype"], tuple(facts["shape"]), None if lengths is None else tuple(lengths))


class Rows:
    """The rows of a finished cache entry; ValueError, KeyError or OSError where the folder lacks some of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.layout = folder, Layout.read(folder)
        with (folder / ROWS).open("rb") as file:
            if os.fstat(file.fileno()).st_size != self.layout.bytes:
                raise ValueError(f"{folder} does not hold all of its rows")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with warnings.catch_warnings():
            # The buffer is read-only; a private writable map would need as much memory as the file is long.
            warnings.filterwarnings("ignore", "The given buffer is not writable")
            flat = torch.frombuffer(self._map, dtype=getattr(torch, self.layout.dtype))
        self._flat = flat.view(-1, *self.layout.shape)
        self._touched = 0

    def __reduce__(self) -> tuple[type[Rows], tuple[Path]]:
        """A process that is not forked maps the file by itself."""
        return Rows, (self.folder,)

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Rows of one size, stacked: (len(numbers), *shape)."""
        taken = self._flat[torch.tensor(numbers, dtype=torch.long)]
        self._let_go(len(numbers), taken.nbytes)
        return taken

    def ragged(self, numbers: Sequence[int]) -> list[Tensor]:
        """Rows that have lengths, each (length, *shape); each row is valid until the next call only."""
        found = [self._flat[slice(*self.layout.span(number))] for number in numbers]
        self._let_go(len(numbers), sum(row.nbytes for row in found))
        return found

    def _let_go(self, rows: int, size: int) -> None:
        self._touched += max(size, rows * _READAHEAD)
        if self._touched > _RESIDENT and len(self._map) > _RESIDENT:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0


class CachedActivations(Source):
    """What the stages below `start` made of every view of every sample, read back from the cache.

    With `widen`, rows that were stored in 16 bits become float32.
    """

    def __init__(self, source: Source, rows: Rows, start: int, *, widen: bool) -> None:
        super().__init__(source.samples, source.space)
        self.source, self.rows, self.start, self.widen = source, rows, start, widen
        self.views = rows.layout.n // len(source)
        self.targets = source.targets

    @cached_property
    def lengths(self) -> tuple[int, ...] | None:
        return self.source.lengths

    @property
    def rounded(self) -> bool:
        return self.widen

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        return map(self._batch, plans)

    def _batch(self, draws: list[Draw]) -> Batch:
        numbers = [draw.number * self.views + draw.view for draw in draws]
        if self.rows.layout.lengths is None:
            x = Inputs(channels_first(self.rows.take(numbers)))
        else:
            x = joined(self.rows.ragged(numbers), ragged=True)
        x = x._replace(values=x.values.float()) if self.widen else x
        return Batch(x, self.targets[[draw.number for draw in draws]], self.start)


class WithTeacher(Source):
    """A source whose batches also hold the teacher's outputs, which are rows: one for each view of each sample."""

    def __init__(self, source: Source, rows: Rows, *, widen: bool) -> None:
        super().__init__(source.samples, source.space)
        self.source, self.rows, self.widen = source, rows, widen
        self.views = rows.layout.n // len(source)
        self.targets = source.targets

    @property
    def lengths(self) -> tuple[int, ...] | None:
        return self.source.lengths

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        mine, theirs = tee(plans)
        for draws, batch in zip(mine, self.source.batches(theirs), strict=True):
            outputs = self.rows.take([draw.number * self.views + draw.view for draw in draws])
            yield batch._replace(teacher_outputs=outputs.float() if self.widen else outputs)


def joined(rows: Sequence[Tensor], *, ragged: bool) -> Inputs:
    """The rows of samples as one batch; ragged rows, of texts (T, D), are padded with zeros and get a mask."""
    if not ragged:
        return Inputs(torch.stack(list(rows)))
    mask = length_mask(rows).to(rows[0].device)
    return Inputs(pad_sequence(list(rows), batch_first=True), mask)


def length_mask(rows: Sequence[Tensor]) -> Tensor:
    """A mask (B, T): 1 where a row has an entry, 0 where it is padded to the longest row."""
    lengths = torch.tensor([len(row) for row in rows])
    return (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()


def channels_last(row: Tensor) -> Tensor:
    """A feature map (C, H, W) as (H, W, C), the order in which it lies in memory; any other row unchanged."""
    return row.permute(1, 2, 0) if row.ndim == 3 else row


def channels_first(rows: Tensor) -> Tensor:
    """(B, H, W, C) to (B, C, H, W); any other rows unchanged."""
    return rows.permute(0, 3, 1, 2) if rows.ndim == 4 else rows
