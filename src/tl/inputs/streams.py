"""From samples to batches: which samples a step sees follows from the seed and the step's number alone.

So a resumed run reads on from any step at once, without reading the steps before it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, tee
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tl.batch import Batch, Targets
from tl.components.sample import Samples
from tl.place import Share
from tl.rng import derive, seeded

_WINDOW = 50
# How far the logarithm of a length is moved at most, where a pass is one window: of lengths spread widely, a third of
# the pairs in a batch meet again in the next pass, not two thirds and more, for less than a tenth more padding.
_SPREAD = 0.2
_CPU = torch.device("cpu")
Numbers = npt.NDArray[np.int64]
"""The numbers of samples (n,)."""


class Draw(NamedTuple):
    """One sample to be read: its number, the seed of its augmentation, and which of its fixed views is read."""

    number: int
    seed: int
    view: int = 0


class EachOnce(Sequence[Draw]):
    """A draw of each sample, in order, as evaluation reads them; a draw is made when it is asked for."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, place: int) -> Draw: ...
    @overload
    def __getitem__(self, place: slice) -> list[Draw]: ...
    def __getitem__(self, place: int | slice) -> Draw | list[Draw]:
        if isinstance(place, slice):
            return [Draw(number, 0) for number in range(self.n)[place]]
        return Draw(range(self.n)[place], 0)


class Piece(NamedTuple):
    """The part of a step's batch that a device takes at once.

    `weight` is the piece's share of the targets of the whole batch over all processes: of its samples, where each has
    one. `size` counts the piece's images or real tokens.
    """

    batch: Batch
    weight: float
    size: int


class Source(ABC):
    """Samples that can be read in batches, each sample by its number."""

    targets: Targets
    """The targets of all samples, as the task's loss takes them."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    @abstractmethod
    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        """A batch for each list of draws, in order."""

    @property
    def moves_targets(self) -> bool:
        """True where a sample's target differs from draw to draw, as a mask's does; the default is False."""
        return False

    def y(self, draws: Sequence[Draw]) -> Tensor:
        """The targets of these draws, as `batches` gives them."""
        return self.targets.take([draw.number for draw in draws])

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """The number of tokens of each text before augmentation; None for pictures, which is the default."""
        return None

    @property
    def row_lengths(self) -> Sequence[tuple[int, ...]] | None:
        """The number of tokens of each row of inputs of each sample, of which a sample has one by default."""
        return None if self.lengths is None else [(length,) for length in self.lengths]

    def truncation(self) -> str | None:
        """A line for the user where texts are longer than the tokens that are read of them; the default is None."""
        return None

    @property
    def rounded(self) -> bool:
        """True where inputs were stored in a smaller number type than they were computed in; the default is False."""
        return False

    @property
    def mixes_samples(self) -> bool:
        """True where `mixed` changes a batch, as mixup and cutmix do; the default is False."""
        return False

    def mixed(self, batch: Batch) -> Batch:
        """The batch after augmentations that need a whole batch (mixup, cutmix); the default changes nothing."""
        return batch


class Order:
    """An endless sequence of sample numbers: one shuffled pass over the data after the other.

    Batch number t takes the positions t * batch .. (t + 1) * batch - 1 of that sequence, so every sample is seen
    equally often and an epoch need not be a whole number of steps. With `balance` (a weight for each sample), a pass
    draws samples with replacement. With `lengths`, samples of similar length share a batch, as far as the samples lie
    within the same `_WINDOW` batches of the pass.
    """

    def __init__(
        self, n: int, seed: int, batch: int, balance: Tensor | None = None, lengths: Sequence[int] | None = None
    ) -> None:
        self.n, self.seed, self.batch, self.balance, self.lengths = n, seed, batch, balance, lengths
        self._pass = lru_cache(maxsize=2)(self._draw_pass)

    def _draw_pass(self, number: int) -> Numbers:
        generator = torch.Generator().manual_seed(derive(self.seed, "pass", number))
        if self.balance is None:
            drawn = torch.randperm(self.n, generator=generator)
        else:
            drawn = torch.multinomial(self.balance, self.n, replacement=True, generator=generator)
        if self.lengths is None:
            return drawn.numpy()
        return self._bucketed(drawn.numpy(), -(number * self.n) % self.batch, generator)

    def _bucketed(self, numbers: Numbers, first: int, generator: torch.Generator) -> Numbers:
        """A pass whose whole batches, the first of which begins at `first`, hold samples of similar length.

        Samples are sorted by length within each window, cut into batches, and the batches are shuffled. Where a pass
        has few windows, the same neighbours would share a batch in every pass: there each length is first multiplied by
        a random number near 1.
        """
        batch = self.batch
        windows = max(1.0, self.n / (_WINDOW * batch))
        factors = ((2 * torch.rand(self.n, generator=generator) - 1) * (_SPREAD / windows)).exp()
        lengths = (torch.as_tensor(self.lengths) * factors).numpy()
        last = first + (len(numbers) - first) // batch * batch
        bucketed = numbers.copy()
        for begin in range(first, last, _WINDOW * batch):
            window = numbers[begin : min(begin + _WINDOW * batch, last)]
            bucketed[begin : begin + len(window)] = window[np.argsort(lengths[window], kind="stable")]
        batches = bucketed[first:last].reshape(-1, batch)
        bucketed[first:last] = batches[torch.randperm(len(batches), generator=generator).numpy()].reshape(-1)
        return bucketed

    def numbers(self, first: int, last: int) -> Numbers:
        """The sample numbers at positions first..last-1."""
        turns = range(first // self.n, -(-last // self.n))
        parts = [self._pass(t)[max(first - t * self.n, 0) : last - t * self.n] for t in turns]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def draws(self, first: int, last: int, views: int | None = None) -> list[Draw]:
        """The draws at positions first..last-1; where samples have `views` fixed views, the views take turns."""
        return [self._draw(position, views) for position in range(first, last)]

    def _draw(self, position: int, views: int | None) -> Draw:
        turn, place = divmod(position, self.n)
        number = int(self._pass(turn)[place])
        if views is None:
            return Draw(number, derive(self.seed, "draw", position))
        return fixed_view(self.seed, number, turn % views)


def fixed_view(seed: int, number: int, view: int) -> Draw:
    """The draw of one of the fixed views of a sample."""
    return Draw(number, derive(seed, "view", number, view), view)


@dataclass(frozen=True)
class Stream:
    """The batches of a run, cut into pieces for this process's device.

    `batch` counts the samples of a step over all processes, `device_batch` those that the device takes at once. `views`
    is the number of fixed views of each sample; None where every reading is augmented anew.
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
        """Steps per epoch; not always a whole number."""
        return self.order.n / self.batch

    def plan(self, step: int) -> list[list[Draw]]:
        """This process's pieces of a step's batch, as draws: at least one piece, of at most `device_batch` draws."""
        return evenly(self.order.draws(*self._span(step), self.views), self.device_batch)

    def _span(self, step: int) -> tuple[int, int]:
        """The position of this process's first sample of a step's batch, and the position after its last one."""
        lo, hi = ((self.batch * (self.share.rank + i)) // self.share.world for i in (0, 1))
        return step * self.batch + lo, step * self.batch + hi

    def ids(self, step: int) -> list[str]:
        """The ids of all samples of a step's batch, over all processes."""
        draws = self.order.draws(step * self.batch, (step + 1) * self.batch, self.views)
        return [self.source.samples.ids[draw.number] for draw in draws]

    def steps(self, first: int, last: int) -> Iterator[list[Piece]]:
        """The pieces of every step in first..last-1, read and on the device."""
        planned, read = tee(map(self.plan, range(first, last)))
        batches = self.source.batches(chain.from_iterable(read))
        for step, pieces in zip(range(first, last), planned, strict=True):
            yield [self._piece(next(batches), draws, step, number) for number, draws in enumerate(pieces)]

    def _piece(self, batch: Batch, draws: list[Draw], step: int, number: int) -> Piece:
        moved = batch.to(self.device)
        if self.source.mixes_samples:
            with seeded(derive(self.order.seed, "mix", step, self.share.rank, number)):
                moved = self.source.mixed(moved)
        return Piece(moved, self._weight(draws, step), sum(self._sizes(draws)))

    def _weight(self, draws: list[Draw], step: int) -> float:
        counts = self.source.targets.counts
        if counts is None:
            return len(draws) / self.batch
        whole = int(counts[self.order.numbers(step * self.batch, (step + 1) * self.batch)].sum())
        return int(counts[[draw.number for draw in draws]].sum()) / max(1, whole)

    def _sizes(self, draws: list[Draw]) -> list[int]:
        lengths = self.source.lengths
        return [1 if lengths is None else lengths[draw.number] for draw in draws]

    def padding(self) -> float:
        """The share of an epoch's tokens that only pad texts to the longest text of their piece; 0 for pictures."""
        lengths = np.array(self.source.row_lengths or ())
        if not lengths.any():
            return 0.0
        real = padded = 0
        for step in range(math.ceil(self.epoch)):
            sizes = lengths[self.order.numbers(*self._span(step))]
            real += int(sizes.sum())
            padded += sum(int(sizes[a:b].max()) * sizes[a:b].size for a, b in even_spans(len(sizes), self.device_batch))
        return 1 - real / padded


def evenly(draws: list[Draw], most: int) -> list[list[Draw]]:
    """The draws in as few pieces of at most `most` draws as possible, all pieces of nearly the same size."""
    return [draws[a:b] for a, b in even_spans(len(draws), most)]


def even_spans(n: int, most: int) -> list[tuple[int, int]]:
    """The first place of each piece and the place after it, where n things are cut as `evenly` cuts them."""
    pieces = -(-n // most)
    return [*pairwise(n * i // pieces for i in range(pieces + 1))] if n else []


def forward_batch(device: torch.device) -> int:
    """Samples at once where no gradient is computed; on a CPU, activations of larger batches leave its caches."""
    return 256 if device.type == "cuda" else 32


def by_length(source: Source, batch: int, share: Share) -> tuple[Numbers, Iterator[Batch]]:
    """The numbers of this process's samples (rank, rank + world, ...) and their batches; texts are sorted by length."""
    numbers = np.arange(share.rank, len(source), share.world)
    if source.lengths is not None:
        numbers = numbers[np.argsort(np.array(source.lengths)[numbers], kind="stable")]
    spans = even_spans(len(numbers), batch)
    return numbers, source.batches([Draw(i, 0) for i in numbers[a:b].tolist()] for a, b in spans)


def in_order(source: Source, batch: int) -> Iterator[Batch]:
    """Batches of every sample once, in the order of the samples."""
    draws = EachOnce(len(source))
    return source.batches(draws[a:b] for a, b in even_spans(len(draws), batch))
