"""From samples to batches: what a step sees depends on the seed and the step's number alone, so steps can be sought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tl.augment.base import Augment
from tl.batch import Batch, Inputs
from tl.data.base import Picture, Sample
from tl.data.images import open_image
from tl.data.splits import label_index
from tl.preprocess import ImagePreprocess, Preprocess, TextPreprocess
from tl.rng import derive, seeded
from tl.space import Space


class Draw(NamedTuple):
    """One sample to be read, and the seed of its augmentation."""

    number: int
    seed: int


class Item(NamedTuple):
    """One sample as tensors: an image (3, H, W), or token ids (T,) with segments (T,)."""

    values: Tensor
    segments: Tensor | None
    target: Tensor


class Piece(NamedTuple):
    """The part of a global batch that one device takes at once: its share of that batch, its images or real tokens."""

    batch: Batch
    weight: float
    size: int


@dataclass(frozen=True)
class Share:
    """Which process this is, of how many."""

    rank: int = 0
    world: int = 1


class Items(Dataset[Item]):
    """Samples as tensors, augmented when an `augment` is given."""

    def __init__(
        self, samples: Sequence[Sample], space: Space, preprocess: Preprocess, augment: Augment | None = None
    ) -> None:
        self.samples, self.space, self.preprocess, self.augment = samples, space, preprocess, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> Item:
        sample = self.samples[draw.number]
        target = _target(sample, self.space)
        if self.augment is None:
            return self._item(sample, target)
        with seeded(draw.seed):
            return self._item(sample, target)

    def _item(self, sample: Sample, target: Tensor) -> Item:
        match self.preprocess:
            case ImagePreprocess():
                image = open_image(cast("Path | Picture", sample.input))
                if self.augment is None:
                    return Item(self.preprocess.tensor(self.preprocess.crop(image)), None, target)
                pixels = self.preprocess.tensor(self.augment.sample(image, self.preprocess))
                return Item(self.augment.erase(pixels), None, target)
            case TextPreprocess():
                text = cast("str | tuple[str, str]", sample.input)
                changed = text if self.augment is None else self.augment.sample(text, self.preprocess)
                ids, segments = self.preprocess.ids(changed)
                return Item(torch.tensor(ids), torch.tensor(segments), target)

    def collate(self, items: list[Item]) -> Batch:
        """Stack items; texts are padded to the longest of them, with a mask of the real tokens."""
        y = torch.stack([item.target for item in items])
        match self.preprocess:
            case ImagePreprocess():
                return Batch(Inputs(torch.stack([item.values for item in items])), y)
            case TextPreprocess():
                ids, segments = [i.values for i in items], [i.segments for i in items if i.segments is not None]
                pad = torch.nn.utils.rnn.pad_sequence
                mask = pad([torch.ones_like(i) for i in ids], batch_first=True)
                values = pad(ids, batch_first=True, padding_value=self.preprocess.pad_id)
                return Batch(Inputs(values, mask, pad(segments, batch_first=True)), y)


def _target(sample: Sample, space: Space) -> Tensor:
    if sample.target is None:
        return torch.tensor(-1) if space.kind == "single" else torch.zeros(space.dim)
    index = label_index(space, sample.target)
    return torch.tensor(index) if space.kind == "single" else torch.tensor(index, dtype=torch.float32)


class Order:
    """An endless sequence of sample numbers: one shuffled pass after the other, sought by position.

    Batch number t is positions t * batch .. (t + 1) * batch - 1, so that every sample is seen equally often and an
    epoch need not be a whole number of steps. With `balance` (a weight per sample) a pass is drawn with replacement.
    """

    def __init__(self, n: int, seed: int, balance: Tensor | None = None) -> None:
        self.n, self.seed, self.balance = n, seed, balance
        self._pass = lru_cache(maxsize=2)(self._draw_pass)

    def _draw_pass(self, number: int) -> list[int]:
        generator = torch.Generator().manual_seed(derive(self.seed, "pass", number))
        if self.balance is None:
            drawn = torch.randperm(self.n, generator=generator)
        else:
            drawn = torch.multinomial(self.balance, self.n, replacement=True, generator=generator)
        return [int(i) for i in drawn]

    def draws(self, first: int, last: int) -> list[Draw]:
        """The draws at positions first..last-1."""
        return [Draw(self._pass(p // self.n)[p % self.n], derive(self.seed, "draw", p)) for p in range(first, last)]


class Stream:
    """Global batches cut into pieces for this process's device."""

    def __init__(
        self, items: Items, order: Order, batch: int, device_batch: int, share: Share, workers: int = 0
    ) -> None:
        self.items, self.order, self.batch, self.device_batch = items, order, batch, device_batch
        self.share, self.workers = share, workers

    @property
    def epoch(self) -> float:
        """Steps per epoch; not always whole."""
        return self.order.n / self.batch

    def plan(self, step: int) -> list[list[Draw]]:
        """This process's pieces of the global batch at a step; never empty, at most `device_batch` draws each."""
        lo, hi = ((self.batch * (self.share.rank + i)) // self.share.world for i in (0, 1))
        draws = self.order.draws(step * self.batch + lo, step * self.batch + hi)
        pieces = -(-len(draws) // self.device_batch)
        cuts = [len(draws) * i // pieces for i in range(pieces + 1)]
        return [draws[a:b] for a, b in pairwise(cuts)]

    def steps(self, first: int, last: int) -> Iterator[list[Piece]]:
        """The pieces of every step in first..last-1."""
        plans = (piece for step in range(first, last) for piece in self.plan(step))
        loader = DataLoader(
            self.items, batch_sampler=_Plans(plans), collate_fn=self.items.collate, num_workers=self.workers
        )
        batches = iter(loader)
        for step in range(first, last):
            count = len(self.plan(step))
            yield [self._piece(next(batches), step, i) for i in range(count)]

    def _piece(self, batch: Batch, step: int, number: int) -> Piece:
        weight = len(batch.y) / self.batch
        size = len(batch.y) if batch.x.mask is None else int(batch.x.mask.sum())
        if self.items.augment is None:
            return Piece(batch, weight, size)
        with seeded(derive(self.order.seed, "mix", step, self.share.rank, number)):
            return Piece(self.items.augment.batch(batch, self.items.space), weight, size)


class _Plans(torch.utils.data.Sampler[list[Draw]]):
    def __init__(self, plans: Iterator[list[Draw]]) -> None:
        self.plans = plans

    def __iter__(self) -> Iterator[list[Draw]]:
        return self.plans


def in_order(items: Items, batch: int, share: Share | None = None, workers: int = 0) -> DataLoader[Item]:
    """Every sample once, in order: batches of this process's share (numbers rank, rank + world, ...)."""
    share = share or Share()
    numbers = range(share.rank, len(items), share.world)
    draws = [Draw(i, 0) for i in numbers]
    chunks = [draws[i : i + batch] for i in range(0, len(draws), batch)]
    return DataLoader(items, batch_sampler=chunks, collate_fn=items.collate, num_workers=workers)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    moved = Inputs(*(None if t is None else t.to(device, non_blocking=True) for t in batch.x))  # type: ignore[arg-type]
    return Batch(moved, batch.y.to(device, non_blocking=True), batch.start)
