"""What a batch is read from: raw samples, or rows that were computed from them before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from itertools import tee
from pathlib import Path
from typing import NamedTuple, cast

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.batch import Batch, Inputs
from tl.components.augment.base import Augment
from tl.components.data.splits import label_index
from tl.components.picture import open_image, unpacked
from tl.components.preprocess import ImagePreprocess, Preprocess, TextPreprocess
from tl.components.sample import Picture, Sample
from tl.inputs.rows import Rows
from tl.inputs.workers import spread
from tl.rng import seeded
from tl.space import Space


class Draw(NamedTuple):
    """One sample to be read, the seed of its augmentation, and which of its fixed views that is."""

    number: int
    seed: int
    view: int = 0


class Item(NamedTuple):
    """One sample as tensors: an image (3, H, W), or token ids (T,) with segments (T,)."""

    values: Tensor
    segments: Tensor | None
    target: Tensor


class Source(ABC):
    """Samples that can be read in batches."""

    def __init__(self, samples: Sequence[Sample], space: Space) -> None:
        self.samples, self.space = samples, space

    def __len__(self) -> int:
        return len(self.samples)

    @abstractmethod
    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        """A batch for each list of draws."""

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """Tokens of each text before augmentation; None, as here, for pictures."""
        return None

    def truncation(self) -> str | None:
        """A line on texts that are longer than what is read of them, if there are any."""
        return None

    @property
    def rounded(self) -> bool:
        """Whether it was stored with fewer bits than it was computed with; not so here."""
        return False

    def mixed(self, batch: Batch) -> Batch:
        """The batch as training sees it; the default leaves it."""
        return batch

    @cached_property
    def targets(self) -> Tensor:
        """All targets, as a head takes them."""
        return torch.stack([_target(sample, self.space) for sample in self.samples])


class Reader(Source):
    """A source that reads batch by batch, in `workers` processes ahead of time, or in this one where that is 0."""

    def __init__(self, samples: Sequence[Sample], space: Space, workers: int = 0) -> None:
        super().__init__(samples, space)
        self.workers = workers

    @abstractmethod
    def batch(self, draws: list[Draw]) -> Batch:
        """One batch."""

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        return spread(self.batch, plans, self.workers, pin=True)


class Items(Reader):
    """Samples as tensors, augmented when an `augment` is given; `workers` processes read pictures."""

    _decoded: Rows | None = None

    def __init__(
        self,
        samples: Sequence[Sample],
        space: Space,
        preprocess: Preprocess,
        augment: Augment | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__(samples, space, workers if preprocess.modality == "image" else 0)
        self.preprocess, self.augment = preprocess, augment

    def decoded(self, rows: Rows) -> Items:
        """The same, with its pictures read back from rows."""
        other = copy(self)
        other._decoded = rows
        return other

    @property
    def fixed(self) -> bool:
        """Whether a sample looks the same at every reading."""
        return self.augment is None or self.augment.deterministic

    @cached_property
    def lengths(self) -> tuple[int, ...] | None:
        return tuple(len(ids) for ids, _ in self._tokens[0]) if isinstance(self.preprocess, TextPreprocess) else None

    def truncation(self) -> str | None:
        if not isinstance(self.preprocess, TextPreprocess) or not self._tokens[1]:
            return None
        return (
            f"{self._tokens[1]} of {len(self)} texts have more than {self.preprocess.max_length} tokens: "
            "what comes after those is not read (backbone.max_length)."
        )

    @cached_property
    def _tokens(self) -> tuple[list[tuple[list[int], list[int]]], int]:
        """Every text, tokenised once; and how many were cut."""
        return cast(TextPreprocess, self.preprocess).all_ids(
            [cast("str | tuple[str, str]", s.input) for s in self.samples]
        )

    def batch(self, draws: list[Draw]) -> Batch:
        return self.collate([self[draw] for draw in draws])

    def mixed(self, batch: Batch) -> Batch:
        return batch if self.augment is None else self.augment.batch(batch, self.space)

    def __getitem__(self, draw: Draw) -> Item:
        if self.fixed:
            return self._item(draw.number)
        with seeded(draw.seed):
            return self._item(draw.number)

    def picture(self, number: int) -> Image:
        """A picture as everything that sees it does: upright, in colour, not larger than the preprocessing needs."""
        if self._decoded is not None:
            (row,) = self._decoded.ragged([number])
            return unpacked(row.numpy())
        least = cast(ImagePreprocess, self.preprocess).least
        return open_image(cast("Path | Picture", self.samples[number].input), least)

    def _item(self, number: int) -> Item:
        sample, target = self.samples[number], self.targets[number]
        match self.preprocess:
            case ImagePreprocess():
                image = self.picture(number)
                if self.augment is None:
                    return Item(self.preprocess.tensor(self.preprocess.crop(image)), None, target)
                pixels = self.preprocess.tensor(self.augment.sample(image, self.preprocess))
                return Item(self.augment.erase(pixels), None, target)
            case TextPreprocess():
                if self.augment is None:
                    ids, segments = self._tokens[0][number]
                else:
                    text = cast("str | tuple[str, str]", sample.input)
                    ids, segments = self.preprocess.ids(self.augment.sample(text, self.preprocess))
                return Item(torch.tensor(ids), torch.tensor(segments), target)

    def collate(self, items: list[Item]) -> Batch:
        """Stack items; texts are padded to the longest of them, with a mask of the real tokens."""
        y = torch.stack([item.target for item in items])
        match self.preprocess:
            case ImagePreprocess():
                return Batch(Inputs(torch.stack([item.values for item in items])), y)
            case TextPreprocess():
                ids, segments = [i.values for i in items], [i.segments for i in items if i.segments is not None]
                values = pad_sequence(ids, batch_first=True, padding_value=self.preprocess.pad_id)
                return Batch(Inputs(values, _mask(ids), pad_sequence(segments, batch_first=True)), y)


class Stored(Reader):
    """What the stages below `start` made of every view of each item, as rows; `widen` those rounded to 16 bits."""

    def __init__(self, items: Items, rows: Rows, start: int, *, widen: bool) -> None:
        super().__init__(items.samples, items.space)
        self.items, self.rows, self.start, self.widen = items, rows, start, widen
        self.views = rows.layout.n // len(items)
        self.targets = items.targets

    @property
    def lengths(self) -> tuple[int, ...] | None:
        return self.items.lengths

    @property
    def rounded(self) -> bool:
        return self.widen

    def batch(self, draws: list[Draw]) -> Batch:
        numbers = [draw.number * self.views + draw.view for draw in draws]
        return Batch(self._inputs(numbers), self.targets[[draw.number for draw in draws]], self.start)

    def _inputs(self, numbers: list[int]) -> Inputs:
        if self.rows.layout.lengths is None:
            x = Inputs(channels_first(self.rows.take(numbers)))
        else:
            x = joined(self.rows.ragged(numbers), ragged=True)
        return x._replace(values=x.values.float()) if self.widen else x


class WithTeacher(Source):
    """A source whose batches bring along a teacher's answers, as rows of each view of each sample."""

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
            answers = self.rows.take([draw.number * self.views + draw.view for draw in draws])
            yield batch._replace(teacher_outputs=answers.float() if self.widen else answers)


def joined(rows: Sequence[Tensor], *, ragged: bool) -> Inputs:
    """Rows of samples as one batch; those of texts (T, D) are padded with zeros and get a mask."""
    if not ragged:
        return Inputs(torch.stack(list(rows)))
    mask = _mask(rows).to(rows[0].device)
    return Inputs(pad_sequence(list(rows), batch_first=True), mask)


def channels_last(row: Tensor) -> Tensor:
    """A feature map (C, H, W) as (H, W, C), the order in which it lies in memory; all else unchanged."""
    return row.permute(1, 2, 0) if row.ndim == 3 else row


def channels_first(rows: Tensor) -> Tensor:
    """(B, H, W, C) to (B, C, H, W); all else unchanged."""
    return rows.permute(0, 3, 1, 2) if rows.ndim == 4 else rows


def _mask(rows: Sequence[Tensor]) -> Tensor:
    """Ones (B, T) where a row has an entry."""
    lengths = torch.tensor([len(row) for row in rows])
    return (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()


def _target(sample: Sample, space: Space) -> Tensor:
    if sample.target is None:
        return torch.tensor(-1) if space.kind == "single" else torch.zeros(space.dim)
    index = label_index(space, sample.target)
    return torch.tensor(index) if space.kind == "single" else torch.tensor(index, dtype=torch.float32)
