"""Rows that were computed before: one file, read by number, as batches that start late.

A cache entry is a folder with `rows.bin` (the numbers), `layout.json` (their shape and type), `digests.bin` (checksums,
see layout.py) and, while it is written, `done.bin` (a byte for each finished chunk). Writing is in filling.py.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, pairwise, tee
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.batch import Batch, Inputs
from tl.errors import TLError
from tl.inputs.layout import (
    DIGEST_BYTES,
    DIGESTS,
    HEAD_BYTES,
    LAYOUT,
    ROWS,
    Damaged,
    digest,
    head,
    own_entry,
    own_file,
    parse_layout,
    spoil,
)
from tl.inputs.streams import Draw, Source
from tl.recipe.yamlfile import short_path

# An entry of at most so many bytes is checked whole before a run's first step, when it can still be computed anew; of a
# larger one, each row is checked when it is first read.
CHECKED_AT_ONCE = 256 * 1024**2
# An entry of at most so many bytes stays in memory from then on: where rows are short, reading each costs more than it.
HELD = 64 * 1024**2
_BLOCK = 1024**2


class Rows:
    """The rows of a finished cache entry; Damaged or OSError where the folder is none of our own.

    Rows are read, not mapped: where a file is cut short, or its disk fails, a mapped page ends the process (SIGBUS).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with own_entry(folder) as place:
            with own_file(place, LAYOUT) as file:
                layout = file.read()
            with own_file(place, DIGESTS) as file:
                self._inode = os.fstat(file.fileno()).st_ino
                self._digests = self._sealed(layout, file.read())
            self.layout = parse_layout(layout)
            with own_file(place, ROWS) as file:
                self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        if len(self._digests) != self.layout.n or os.fstat(self._file).st_size != self.layout.bytes:
            raise Damaged("its files do not have the sizes that its layout says")
        self._checked = bytearray(self.layout.n)
        self._row_bytes = self.layout.unit * self.layout.itemsize
        self._dtype: torch.dtype = getattr(torch, self.layout.dtype)
        self._held: Tensor | None = None

    def _sealed(self, layout: bytes, content: bytes) -> memoryview:
        """The rows' checksums; Damaged where the file that holds them is none, or is that of another layout."""
        if content[:HEAD_BYTES] != head(self.folder, layout) or len(content) % DIGEST_BYTES:
            raise Damaged("its layout differs from its checksum")
        return memoryview(content)[HEAD_BYTES:].cast("I")

    def __reduce__(self) -> tuple[type[Rows], tuple[Path]]:
        """A process that is not forked opens the files by itself."""
        return Rows, (self.folder,)

    def check(self) -> None:
        """Check all rows of an entry that is not large; Damaged where one differs from its checksum."""
        n, total = self.layout.n, self.layout.bytes
        if total > CHECKED_AT_ONCE:
            return
        if 0 < total <= HELD:
            held = torch.empty((total // self._row_bytes, *self.layout.shape), dtype=self._dtype)
            self._read(0, n, _content(held))
            self._held = held
            return
        step = max(1, n * _BLOCK // max(1, total))
        for first in range(0, n, step):
            last = min(first + step, n)
            self._read(first, last, memoryview(bytearray(self._place(last) - self._place(first))))

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Rows of one size, stacked: (len(numbers), *shape)."""
        if self._held is not None:
            return self._held[torch.tensor(numbers, dtype=torch.long)]
        taken = torch.empty((len(numbers), *self.layout.shape), dtype=self._dtype)
        content, size = _content(taken), self._row_bytes
        with self._telling():
            for place, number in enumerate(numbers):
                self._read(number, number + 1, content[place * size : (place + 1) * size])
        return taken

    def ragged(self, numbers: Sequence[int]) -> list[Tensor]:
        """Rows that have lengths, each (length, *shape)."""
        spans = [self.layout.span(number) for number in numbers]
        if self._held is not None:
            return [self._held[first:last].clone() for first, last in spans]
        ends = [0, *accumulate(last - first for first, last in spans)]
        taken = torch.empty((ends[-1], *self.layout.shape), dtype=self._dtype)
        content, size = _content(taken), self._row_bytes
        with self._telling():
            for number, (begin, end) in zip(numbers, pairwise(ends), strict=True):
                self._read(number, number + 1, content[begin * size : end * size])
        return [taken[begin:end] for begin, end in pairwise(ends)]

    def _place(self, number: int) -> int:
        """The byte at which a row begins, or at which the last row ends."""
        offsets = self.layout.offsets
        return (number if offsets is None else int(offsets[number])) * self._row_bytes

    def _read(self, first: int, last: int, content: memoryview) -> None:
        """Fill `content` with the rows first..last-1, and check those that were not read before."""
        begin, read = self._place(first), 0
        while read < len(content):
            count = os.preadv(self._file, [content[read:]], begin + read)
            if not count:
                raise Damaged("its rows were cut short")
            read += count
        for number in range(first, last):
            if not self._checked[number]:
                row = content[self._place(number) - begin : self._place(number + 1) - begin]
                if digest(number, row) != self._digests[number]:
                    raise Damaged(f"row {number} differs from its checksum")
                self._checked[number] = 1

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn damage that shows while a run reads into a TLError, after which the entry is computed anew."""
        try:
            yield
        except (Damaged, OSError) as error:
            why = error.strerror or error if isinstance(error, OSError) else error
            spoil(self.folder, self._inode)
            raise TLError(
                f"cache: {short_path(self.folder)} cannot be used further: {why}, as by a failing disk or another "
                "program. Resume the run, or start it again: these rows are then computed anew. If that happens "
                "again, name a folder on another disk (cache.folder), or set cache.use=never."
            ) from error


def _content(rows: Tensor) -> memoryview:
    """The memory of rows as bytes."""
    content: memoryview = rows.view(-1).view(torch.uint8).numpy().data
    return content


class CachedActivations(Source):
    """What the stages below `start` made of every view of every sample, read back from the cache.

    `rows` are those at taps, shallow to deep, and then those at `start`. With `widen`, rows that were stored in 16 bits
    become float32.
    """

    def __init__(self, source: Source, rows: Sequence[Rows], start: int, *, widen: bool) -> None:
        super().__init__(source.samples)
        self.source, self.rows, self.start, self.widen = source, rows, start, widen
        self.views = rows[-1].layout.n // len(source)
        self.targets = source.targets
        self._drawn: Source = source if source.moves_targets else self

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
        x = with_maps([self._read(rows, numbers) for rows in self.rows])
        return Batch(x, self._drawn.y(draws), self.start)

    def _read(self, rows: Rows, numbers: list[int]) -> Inputs:
        if rows.layout.lengths is None:
            x = Inputs(channels_first(rows.take(numbers)))
        else:
            x = joined(rows.ragged(numbers), ragged=True)
        return x._replace(values=x.values.float()) if self.widen else x


class WithTeacher(Source):
    """A source whose batches also hold the teacher's outputs, which are rows: one for each view of each sample."""

    def __init__(self, source: Source, rows: Rows, *, widen: bool) -> None:
        super().__init__(source.samples)
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


def with_maps(found: Sequence[Inputs]) -> Inputs:
    """The last of the inputs, with the others as its maps."""
    return found[-1]._replace(maps=tuple(one.values for one in found[:-1]))


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
