"""From samples to batches: what a step sees depends on the seed and the step's number alone, so steps can be sought."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise, tee
from typing import NamedTuple

import torch
from torch import Tensor

from tl.batch import Batch, Inputs
from tl.inputs.items import Draw, Source
from tl.place import Share
from tl.rng import derive, seeded

_WINDOW = 50
_CPU = torch.device("cpu")


class Piece(NamedTuple):
    """The part of a global batch that one device takes at once: its share of that batch, its images or real tokens."""

    batch: Batch
    weight: float
    size: int


class Order:
    """An endless sequence of sample numbers: one shuffled pass after the other, sought by position.

    Batch number t is positions t * batch .. (t + 1) * batch - 1, so that every sample is seen equally often and an
    epoch need not be a whole number of steps. With `balance` (a weight per sample) a pass is drawn with replacement.
    With `lengths`, samples of like length share a batch, as far as they are among the same `_WINDOW` batches.
    """

    def __init__(
        self, n: int, seed: int, batch: int, balance: Tensor | None = None, lengths: Sequence[int] | None = None
    ) -> None:
        self.n, self.seed, self.batch, self.balance, self.lengths = n, seed, batch, balance, lengths
        self._pass = lru_cache(maxsize=2)(self._draw_pass)

    def _draw_pass(self, number: int) -> list[int]:
        generator = torch.Generator().manual_seed(derive(self.seed, "pass", number))
        if self.balance is None:
            drawn = torch.randperm(self.n, generator=generator)
        else:
            drawn = torch.multinomial(self.balance, self.n, replacement=True, generator=generator)
        numbers = drawn.tolist()
        return numbers if self.lengths is None else self._bucketed(numbers, -(number * self.n) % self.batch, generator)

    def _bucketed(self, numbers: list[int], first: int, generator: torch.Generator) -> list[int]:
        """Whole batches of the pass, the first of which begins at `first`, sorted within windows and shuffled."""
        lengths, batch = self.lengths or (), self.batch
        last = first + (len(numbers) - first) // batch * batch
        batches: list[list[int]] = []
        for begin in range(first, last, _WINDOW * batch):
            window = sorted(numbers[begin : min(begin + _WINDOW * batch, last)], key=lengths.__getitem__)
            batches += [window[i : i + batch] for i in range(0, len(window), batch)]
        shuffled = torch.randperm(len(batches), generator=generator).tolist()
        return [*numbers[:first], *(number for i in shuffled for number in batches[i]), *numbers[last:]]

    def draws(self, first: int, last: int, views: int | None = None) -> list[Draw]:
        """The draws at positions first..last-1; a sample's fixed views, if there are any, take turns."""
        return [self._draw(position, views) for position in range(first, last)]

    def _draw(self, position: int, views: int | None) -> Draw:
        turn, place = divmod(position, self.n)
        number = self._pass(turn)[place]
        if views is None:
            return Draw(number, derive(self.seed, "draw", position))
        return fixed_view(self.seed, number, turn % views)


def fixed_view(seed: int, number: int, view: int) -> Draw:
    """One of the fixed views of a sample."""
    return Draw(number, derive(seed, "view", number, view), view)


@dataclass(frozen=True)
class Stream:
    """Global batches cut into pieces for this process's device; `views` are the fixed views of each sample, if any.

    Batches are mixed (mixup, cutmix) where they are then used.
    """

    source: Source
    order: Order
    batch: int
    device_batch: int
    share: Share
    views: int | None = None
    device: torch.device = _CPU

    @property
    def epoch(self) -> float:
        """Steps per epoch; not always whole."""
        return self.order.n / self.batch

    def plan(self, step: int) -> list[list[Draw]]:
        """This process's pieces of the global batch at a step; never empty, at most `device_batch` draws each."""
        lo, hi = ((self.batch * (self.share.rank + i)) // self.share.world for i in (0, 1))
        draws = self.order.draws(step * self.batch + lo, step * self.batch + hi, self.views)
        return evenly(draws, self.device_batch)

    def ids(self, step: int) -> list[str]:
        """The samples of the global batch at a step, in all processes."""
        draws = self.order.draws(step * self.batch, (step + 1) * self.batch, self.views)
        return [self.source.samples[draw.number].id for draw in draws]

    def steps(self, first: int, last: int) -> Iterator[list[Piece]]:
        """The pieces of every step in first..last-1."""
        planned, read = tee((step, piece) for step in range(first, last) for piece in self.plan(step))
        batches = zip(planned, self.source.batches(piece for _, piece in read), strict=True)
        for step, together in groupby(batches, key=lambda found: found[0][0]):
            yield [self._piece(batch, draws, step, i) for i, ((_, draws), batch) in enumerate(together)]

    def _piece(self, batch: Batch, draws: list[Draw], step: int, number: int) -> Piece:
        with seeded(derive(self.order.seed, "mix", step, self.share.rank, number)):
            mixed = self.source.mixed(to_device(batch, self.device))
            return Piece(mixed, len(draws) / self.batch, sum(self._sizes(draws)))

    def _sizes(self, draws: list[Draw]) -> list[int]:
        lengths = self.source.lengths
        return [1 if lengths is None else lengths[draw.number] for draw in draws]

    def padding(self) -> float:
        """The share of an epoch's tokens that only fill batches up; 0 for pictures."""
        if not any(self.source.lengths or ()):
            return 0.0
        sizes = [self._sizes(piece) for step in range(math.ceil(self.epoch)) for piece in self.plan(step)]
        return 1 - sum(map(sum, sizes)) / sum(max(piece) * len(piece) for piece in sizes)


def evenly(draws: list[Draw], most: int) -> list[list[Draw]]:
    """As few pieces as there can be of at most so many draws, of nearly one size."""
    pieces = -(-len(draws) // most)
    cuts = [len(draws) * i // pieces for i in range(pieces + 1)]
    return [draws[a:b] for a, b in pairwise(cuts)]


def forward_batch(device: torch.device) -> int:
    """Samples at once where nothing is learnt: on a CPU, larger batches no longer stay in its caches."""
    return 256 if device.type == "cuda" else 32


def by_length(source: Source, batch: int, share: Share) -> tuple[list[int], Iterator[Batch]]:
    """This process's samples (numbers rank, rank + world, ...) and their batches: of texts, like lengths together."""
    numbers = list(range(share.rank, len(source), share.world))
    if source.lengths is not None:
        numbers.sort(key=source.lengths.__getitem__)
    return numbers, source.batches(iter(evenly([Draw(i, 0) for i in numbers], batch) if numbers else ()))


def in_order(source: Source, batch: int) -> Iterator[Batch]:
    """Batches of every sample once, in order."""
    draws = [Draw(i, 0) for i in range(len(source))]
    return source.batches(iter(evenly(draws, batch) if draws else ()))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    moved = Inputs(*(None if t is None else t.to(device, non_blocking=True) for t in batch.x))  # type: ignore[arg-type]
    teacher_outputs = None if batch.teacher_outputs is None else batch.teacher_outputs.to(device, non_blocking=True)
    return Batch(moved, batch.y.to(device, non_blocking=True), batch.start, teacher_outputs)
