"""One pass over a split that writes what a frozen function makes of each sample, shared out between the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tl.inputs.cache import Cache
from tl.inputs.items import Draw, Items, channels_last
from tl.inputs.rows import Layout, RowWriter
from tl.inputs.streams import evenly, forward_batch
from tl.place import Place

_TOKENS = 2
_PICTURES = 16  # whole ones at once: each may be many megabytes, and processes read ahead
_Todo = list[tuple[Path, list[int]] | None]
Making = Callable[[Iterator[list[Draw]]], Iterator[list[list[Tensor]]]]
"""For each list of draws the rows of each entry, one for each draw."""


@dataclass(frozen=True)
class Wanted:
    """Which rows: all views of all samples of a split, computed so; `lengths` of plain rows that are not of one."""

    name: str
    items: Items
    draws: list[Draw]
    place: Place
    lengths: tuple[int, ...] = ()


class Filling:
    """One pass over a split that writes the rows of several entries, shared out between the processes."""

    def __init__(
        self, cache: Cache, wanted: Wanted, keys: Sequence[str], dtype: str, say: Callable[[str], None]
    ) -> None:
        self.cache, self.wanted, self.keys, self.say = cache, wanted, keys, say
        self.dtype = {"same": None, "fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
        self.lengths = self._lengths()
        # Texts of like length together, the longest first: too little memory shows at once.
        order = range(len(wanted.draws))
        by_length = sorted(order, key=lambda i: -self.lengths[i]) if self.lengths else list(order)
        at_once = _PICTURES if wanted.lengths else forward_batch(wanted.place.device)
        chunks = evenly([wanted.draws[i] for i in by_length], at_once)
        numbers = iter(by_length)
        self.chunks = [(draws, [next(numbers) for _ in draws]) for draws in chunks]

    def _lengths(self) -> tuple[int, ...]:
        items = self.wanted.items
        if items.lengths is None:
            return self.wanted.lengths
        if items.fixed:
            return items.lengths
        return tuple(len(items[draw].values) for draw in self.wanted.draws)

    def fill(self, making: Making) -> None:
        """Write every row that no process has written before."""
        share = self.wanted.place.share
        layouts = self._layouts(making)
        with ExitStack() as stack:
            drafts: list[RowWriter | None] = [None] * len(layouts)
            if share.rank == 0:
                what = f"{self.wanted.name}: {len(self.wanted.draws)} rows"
                for name, i in sorted(zip(self.keys, range(len(layouts)), strict=True)):
                    draft = self.cache.drafting(name, what, layouts[i], len(self.chunks), self._waits)
                    drafts[i] = stack.enter_context(draft)
            todo = share.broadcast([(d.folder, d.missing()) if d is not None else None for d in drafts])
            self._write(making, layouts, todo)
            share.wait()
        share.wait()

    def _waits(self) -> None:
        self.say(f"cache: another run is computing {self.wanted.name}: waiting for it.")

    def _layouts(self, making: Making) -> list[Layout]:
        (draws, numbers), found = self.chunks[-1], []
        for (row,) in next(making(iter([draws[:1]]))):
            dtype = str(row.dtype if self.dtype is None else self.dtype).removeprefix("torch.")
            axes = 1 if self.wanted.lengths else _TOKENS
            ragged = bool(self.lengths) and row.ndim == axes and len(row) == self.lengths[numbers[0]]
            shape = channels_last(row).shape[1 if ragged else 0 :]
            found.append(Layout(len(self.wanted.draws), dtype, tuple(shape), self.lengths if ragged else None))
        return found

    def _write(self, making: Making, layouts: Sequence[Layout], todo: _Todo) -> None:
        pairs = zip(todo, layouts, strict=True)
        drafts = [RowWriter(one[0], layout, len(self.chunks)) if one else None for one, layout in pairs]
        share = self.wanted.place.share
        mine = sorted({chunk for one in todo if one for chunk in one[1]})[share.rank :: share.world]
        with ExitStack() as stack:
            for draft in drafts:
                if draft is not None:
                    stack.enter_context(draft.writing())
            for chunk, rows in zip(mine, making(self.chunks[c][0] for c in mine), strict=True):
                for draft, made in zip(drafts, rows, strict=True):
                    if draft is not None:
                        draft.write(chunk, self.chunks[chunk][1], [self._stored(row) for row in made])

    def _stored(self, row: Tensor) -> Tensor:
        row = channels_last(row).cpu()
        return row if self.dtype is None else row.to(self.dtype)
