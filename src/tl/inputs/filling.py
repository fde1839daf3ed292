"""Filling the cache: one pass over a split that computes rows and writes them, shared out between the processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tl.disk.folder import Folder
from tl.inputs.cache import Cache
from tl.inputs.items import Items
from tl.inputs.layout import (
    DIGEST_BYTES,
    DIGESTS,
    DONE,
    HEAD_BYTES,
    LAYOUT,
    ROWS,
    Layout,
    Wanted,
    digest,
    head,
    layout_content,
)
from tl.inputs.pace import Pace
from tl.inputs.rows import channels_last
from tl.inputs.streams import Draw, even_spans, forward_batch
from tl.place import Place

_SYNC_EVERY = 64 * 1024**2
_TOKENS = 2  # axes of a text's activation: (T, D)
_PICTURES = 16  # decoded pictures at once: each may be many megabytes, and processes read ahead
_Todo = list[tuple[Path, list[int]] | None]
RowMaker = Callable[[Iterator[list[Draw]]], Iterator[list[list[Tensor]]]]
"""For each list of draws: the rows of each entry that is filled, one row for each draw."""


class RowWriter:
    """Writes a cache entry's rows in numbered chunks; a chunk that was finished before a kill is not written again."""

    def __init__(self, folder: Path, layout: Layout, chunks: int) -> None:
        self.folder, self.layout, self.chunks = folder, layout, chunks
        self._unsynced: list[int] = []
        self._digests: dict[int, int] = {}
        self._written = 0

    def begin(self) -> None:
        """Make the files, or keep those that an earlier writer of the same layout left."""
        with self._opened(make=True) as place:
            if self._continues(place):
                return
            content = layout_content(self.layout)
            for name in (LAYOUT, *self._sizes()):
                place.remove(name)
            for name, size in self._sizes().items():
                with place.create(name) as file:
                    file.truncate(size)
                    if name == DIGESTS:
                        file.write(head(self.folder, content))
            place.write_whole(LAYOUT, content)

    def _sizes(self) -> dict[str, int]:
        """The bytes of the files that are filled chunk by chunk."""
        return {ROWS: self.layout.bytes, DIGESTS: HEAD_BYTES + DIGEST_BYTES * self.layout.n, DONE: self.chunks}

    @contextmanager
    def _opened(self, *, make: bool = False) -> Iterator[Folder]:
        """The entry's folder, which is no link."""
        with (
            Folder.at(self.folder.parent, make=make) as cache,
            cache.within(self.folder.name, make=make) as place,
        ):
            yield place

    def _continues(self, place: Folder) -> bool:
        if not all(place.is_ours(name) for name in (LAYOUT, *self._sizes())):
            return False
        same = (self.folder / LAYOUT).read_bytes() == layout_content(self.layout)
        return same and all(self._size(name) == size for name, size in self._sizes().items())

    def _size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.is_file() else -1

    def missing(self) -> list[int]:
        """The numbers of the chunks still to be written."""
        done = (self.folder / DONE).read_bytes()
        return [number for number, byte in enumerate(done) if not byte]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open the files; inside the context `write` may be called."""
        with (
            self._opened() as place,
            place.proceed(ROWS, make=False) as rows,
            place.proceed(DIGESTS, make=False) as sums,
            place.proceed(DONE, make=False) as done,
        ):
            self._rows, self._sums, self._done = rows.fileno(), sums.fileno(), done.fileno()
            yield
            self._sync()

    def write(self, chunk: int, numbers: Sequence[int], rows: Sequence[Tensor]) -> None:
        """Write a chunk: the rows with these numbers, in the layout's type, on the CPU."""
        for number, row in zip(numbers, rows, strict=True):
            content = row.contiguous().view(-1).view(torch.uint8).numpy().data
            self._digests[number] = digest(number, content)
            position = self.layout.span(number)[0] * self.layout.unit * self.layout.itemsize
            while content:
                written = os.pwrite(self._rows, content, position)
                content, position = content[written:], position + written
                self._written += written
        self._unsynced.append(chunk)
        if self._written > _SYNC_EVERY:
            self._sync()

    def _sync(self) -> None:
        """Write the checksums and mark the chunks as done, after their rows are on the disk."""
        os.fsync(self._rows)
        for number, one in self._digests.items():
            os.pwrite(self._sums, one.to_bytes(DIGEST_BYTES, sys.byteorder), HEAD_BYTES + DIGEST_BYTES * number)
        os.fsync(self._sums)
        for chunk in self._unsynced:
            os.pwrite(self._done, b"\1", chunk)
        self._unsynced, self._digests, self._written = [], {}, 0

    def finish(self) -> None:
        """All chunks are done: leave the files that `Rows` reads."""
        with self._opened() as place:
            place.remove(DONE)


@contextmanager
def writing_rows(
    cache: Cache, name: str, what: str, layout: Layout, chunks: int, waits: Callable[[], None]
) -> Iterator[RowWriter | None]:
    """A writer of the rows of the entry `name`, which is finished when the context ends; see `Cache.writing`."""
    with cache.writing(name, what, layout, waits) as folder:
        writer = None if folder is None else RowWriter(folder, layout, chunks)
        if writer is not None:
            writer.begin()
        yield writer
        if writer is not None:
            writer.finish()


@dataclass(frozen=True)
class RowRequest:
    """The rows that are asked for: one for each of the `draws` of `items`, all views of all samples of a split.

    `name` is how the user is told of them, `place` where they are computed. `lengths` are the lengths of rows that are
    not texts and differ in length (decoded pictures).
    """

    name: str
    items: Items
    draws: Sequence[Draw]
    place: Place
    lengths: tuple[int, ...] = ()

    @property
    def wanted(self) -> Wanted:
        """What is known of an entry's layout before the rows are computed."""
        known = self.lengths or (self.items.lengths if self.items.fixed else None)
        return Wanted(len(self.draws), lengths=known or None)


class Filling:
    """One pass over a split that writes the rows of several cache entries, shared out between the processes."""

    def __init__(
        self, cache: Cache, request: RowRequest, keys: Sequence[str], dtype: str, say: Callable[[str], None]
    ) -> None:
        self.cache, self.request, self.keys, self.say = cache, request, keys, say
        self.dtype = {"same": None, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
        self.lengths = self._lengths()
        # Texts of similar length share a chunk, the longest come first: too little memory shows at once.
        n = len(request.draws)
        self.order = np.argsort(-np.array(self.lengths), kind="stable") if self.lengths else np.arange(n)
        self.chunks = even_spans(n, _PICTURES if request.lengths else forward_batch(request.place.device))

    def _numbers(self, chunk: int) -> list[int]:
        """The numbers of a chunk's rows."""
        first, last = self.chunks[chunk]
        numbers: list[int] = self.order[first:last].tolist()
        return numbers

    def _draws(self, chunk: int) -> list[Draw]:
        return [self.request.draws[number] for number in self._numbers(chunk)]

    def _lengths(self) -> tuple[int, ...]:
        items = self.request.items
        if items.lengths is None:
            return self.request.lengths
        if items.fixed:
            return items.lengths
        return tuple(len(items[draw].values) for draw in self.request.draws)

    def fill(self, make_rows: RowMaker) -> None:
        """Write every row that no process has written before."""
        share = self.request.place.share
        layouts = self._layouts(make_rows)
        with ExitStack() as stack:
            writers: list[RowWriter | None] = [None] * len(layouts)
            if share.rank == 0:
                for name, i in sorted(zip(self.keys, range(len(layouts)), strict=True)):
                    what = f"{self.request.name}: {len(self.request.draws)} rows"
                    entry = writing_rows(self.cache, name, what, layouts[i], len(self.chunks), self._waits)
                    writers[i] = stack.enter_context(entry)
            todo = share.broadcast([(w.folder, w.missing()) if w is not None else None for w in writers])
            self._write(make_rows, layouts, todo)
            share.wait()
        share.wait()

    def _waits(self) -> None:
        self.say(f"cache: another run is computing {self.request.name}: waiting for it.")

    def _layouts(self, make_rows: RowMaker) -> list[Layout]:
        last, found = len(self.chunks) - 1, []
        number = self._numbers(last)[0]
        for (row,) in next(make_rows(iter([self._draws(last)[:1]]))):
            dtype = str(row.dtype if self.dtype is None else self.dtype).removeprefix("torch.")
            axes = 1 if self.request.lengths else _TOKENS
            ragged = bool(self.lengths) and row.ndim == axes and len(row) == self.lengths[number]
            shape = channels_last(row).shape[1 if ragged else 0 :]
            found.append(Layout(len(self.request.draws), dtype, tuple(shape), self.lengths if ragged else None))
        return found

    def _write(self, make_rows: RowMaker, layouts: Sequence[Layout], todo: _Todo) -> None:
        pairs = zip(todo, layouts, strict=True)
        writers = [RowWriter(one[0], layout, len(self.chunks)) if one else None for one, layout in pairs]
        share = self.request.place.share
        mine = sorted({chunk for one in todo if one for chunk in one[1]})[share.rank :: share.world]
        pace = Pace(sum(self.chunks[chunk][1] - self.chunks[chunk][0] for chunk in mine))
        with ExitStack() as stack:
            for writer in writers:
                if writer is not None:
                    stack.enter_context(writer.writing())
            for chunk, rows in zip(mine, make_rows(map(self._draws, mine)), strict=True):
                for writer, made in zip(writers, rows, strict=True):
                    if writer is not None:
                        writer.write(chunk, self._numbers(chunk), [self._stored(row) for row in made])
                if so_far := pace.advance(self.chunks[chunk][1] - self.chunks[chunk][0]):
                    self.say(f"cache: {self.request.name}, {so_far}.")

    def _stored(self, row: Tensor) -> Tensor:
        row = channels_last(row).cpu()
        return row if self.dtype is None else row.to(self.dtype)
