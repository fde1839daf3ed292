"""Pairs of texts or pictures that are embedded apart: a batch of B pairs has 2B rows of inputs and B targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import tee
from typing import Any

import numpy as np

from tl.batch import Batch
from tl.components.augment.base import Augment
from tl.components.columns import Objects, Texts, texts_column
from tl.components.preprocess import Preprocess
from tl.components.sample import Raw, Sample, Samples, halves_of
from tl.components.task.base import Task
from tl.inputs.items import Items
from tl.inputs.streams import Draw, Source
from tl.rng import derive


class PairItems(Items):
    """The pairs of a split; rows 2i and 2i + 1 of a batch's inputs are the halves of its pair i.

    `halves` has both halves of pair i as the samples 2i and 2i + 1, so that what frozen stages make of one is computed
    and cached without its partner.
    """

    @cached_property
    def halves(self) -> Items:
        twice = self.samples.take(np.repeat(np.arange(len(self)), 2))
        halves: Iterator[Any] = (half for pair in self.samples.inputs for half in halves_of(pair))
        single: Texts | Objects[Raw] = texts_column(halves) if self.samples.texts else Objects([*halves])
        return Items(replace(twice, inputs=single), self.task, self.preprocess, self.augment, self.workers)

    @cached_property
    def lengths(self) -> tuple[int, ...] | None:
        """The number of tokens of both texts of each pair; None for pictures."""
        return None if self.row_lengths is None else tuple(map(sum, self.row_lengths))

    @property
    def row_lengths(self) -> Sequence[tuple[int, ...]] | None:
        single = self.halves.lengths
        return None if single is None else [*zip(single[::2], single[1::2], strict=True)]

    def truncation(self) -> str | None:
        return self.halves.truncation()

    def batch(self, draws: list[Draw]) -> Batch:
        return self.halves.batch(_halves_of(draws))._replace(y=self.targets.take([draw.number for draw in draws]))


class PairedActivations(Source):
    """Pairs as what `source` gives for each of their halves."""

    def __init__(self, source: Source, items: PairItems) -> None:
        super().__init__(items.samples)
        self.source, self.items, self.targets = source, items, items.targets

    @property
    def lengths(self) -> tuple[int, ...] | None:
        return self.items.lengths

    @property
    def rounded(self) -> bool:
        return self.source.rounded

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        mine, theirs = tee(plans)
        for draws, batch in zip(mine, self.source.batches(map(_halves_of, theirs)), strict=True):
            yield batch._replace(y=self.targets.take([draw.number for draw in draws]))


def items_of(
    samples: Sequence[Sample], task: Task, preprocess: Preprocess, augment: Augment | None = None, workers: int = 0
) -> Items:
    """The samples as the task reads them: the halves of pairs apart, or each sample as one row of inputs."""
    kind = PairItems if task.reads == "pair" else Items
    return kind(Samples.of(samples), task, preprocess, augment, workers)


def _halves_of(draws: Sequence[Draw]) -> list[Draw]:
    """A draw of each half; where it is augmented, each is in its own way."""
    return [Draw(2 * d.number + half, derive(d.seed, "half", half), d.view) for d in draws for half in (0, 1)]
