"""Raw samples as tensors: pictures decoded, cropped and normalised, texts tokenised; both augmented for training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, cast

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.batch import Batch, Inputs, Targets
from tl.components.augment.base import Augment
from tl.components.columns import Ragged
from tl.components.overlay import on_picture
from tl.components.picture import open_image, row_to_image
from tl.components.preprocess import ImagePreprocess, Preprocess, TextPreprocess
from tl.components.sample import Picture, Sample, Samples
from tl.components.task.base import Task
from tl.errors import TLError
from tl.inputs.contents import Contents
from tl.inputs.overlays import Overlays
from tl.inputs.rows import Rows, channels_first, length_mask
from tl.inputs.streams import Draw, Source
from tl.inputs.tokens import Tokens, tokens_of
from tl.inputs.workers import spread
from tl.rng import seeded


class Item(NamedTuple):
    """One sample as tensors: an image (3, H, W), or token ids (T,) with segment ids (T,); and its target."""

    values: Tensor
    segments: Tensor | None
    target: Tensor


class Reader(Source):
    """A source that makes each batch by itself: in `workers` processes that read ahead, or in this process for 0."""

    def __init__(self, samples: Samples, workers: int = 0) -> None:
        super().__init__(samples)
        self.workers = workers

    @abstractmethod
    def batch(self, draws: list[Draw]) -> Batch:
        """The batch of these draws."""

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        return spread(self.batch, plans, self.workers, describe=partial(described, self.samples), pin=True)


def described(samples: Samples, draws: Sequence[Draw]) -> str:
    """The samples of a batch in few words: where the first comes from, and how many follow."""
    first = samples.places[draws[0].number]
    return f"{first} and {len(draws) - 1} more" if len(draws) > 1 else first


class Items(Reader):
    """The samples of a split; augmented where `augment` is given, and as evaluation sees them otherwise.

    Only pictures are read by `workers` processes; texts are tokenised at once, on all cores.
    """

    _decoded: Rows | None = None
    _hashed: Contents | None = None

    def __init__(
        self,
        samples: Sequence[Sample],
        task: Task,
        preprocess: Preprocess,
        augment: Augment | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__(Samples.of(samples), workers if preprocess.modality == "image" else 0)
        self.task, self.preprocess, self.augment = task, preprocess, augment

    def decoded(self, rows: Rows) -> Items:
        """The same samples, whose decoded pictures are read from the cache's rows instead of files."""
        other = copy(self)
        other._decoded = rows
        return other

    def checked(self, hashed: Contents) -> Items:
        """The same samples, but a picture file that holds something else than when it was hashed is an error."""
        other = copy(self)
        other._hashed = hashed
        return other

    @property
    def moves_targets(self) -> bool:
        return self.task.overlaid and not self.fixed

    def y(self, draws: Sequence[Draw]) -> Tensor:
        if self.moves_targets:
            return self.targets.joined([self[draw].target for draw in draws])
        return super().y(draws)

    @property
    def fixed(self) -> bool:
        """True where a sample looks the same at every reading."""
        return self.augment is None or self.augment.deterministic

    @cached_property
    def targets(self) -> Targets:  # type: ignore[override]
        if self.task.overlaid:
            return Overlays(self.samples, self.task, cast(ImagePreprocess, self.preprocess))
        found = self.task.targets(self.samples, self._offsets())
        if isinstance(found, Ragged):
            return Targets(torch.from_numpy(found.values), found.ends.tolist())
        return Targets(torch.from_numpy(found))

    @cached_property
    def lengths(self) -> tuple[int, ...] | None:
        return self._tokens.lengths if isinstance(self.preprocess, TextPreprocess) else None

    def truncation(self) -> str | None:
        if not isinstance(self.preprocess, TextPreprocess) or not self._tokens.cut:
            return None
        return (
            f"{self._tokens.cut} of {len(self)} texts have more than {self.preprocess.max_length} tokens: "
            "what comes after those is not read (backbone.max_length)."
        )

    def _offsets(self) -> Iterator[Sequence[tuple[int, int]]]:
        """The first and the last character of every token of each text; empty for pictures."""
        match self.preprocess:
            case TextPreprocess():
                yield from self.preprocess.offsets(cast("Sequence[str]", self.samples.inputs))

    @cached_property
    def _tokens(self) -> Tokens:
        preprocess = cast(TextPreprocess, self.preprocess)
        texts = cast("Sequence[str | tuple[str, str]]", self.samples.inputs)
        tokens = tokens_of(preprocess, texts)
        pair = any(isinstance(text, tuple) for text in texts[:1])
        fewest = preprocess.fewest_tokens(pair=pair)
        if all(sample.target is None for sample in self.samples):  # to predict, the tokenizer's own tokens are enough
            fewest = min(fewest, 1)
        if (empty := tokens.first_below(fewest)) is not None:
            raise TLError(
                f"{self.samples.places[empty]}: the tokenizer of the weights leaves no token of the text, so it is "
                "empty to the model: mend or remove it."
            )
        return tokens

    def batch(self, draws: list[Draw]) -> Batch:
        return self.collate([self[draw] for draw in draws])

    @property
    def mixes_samples(self) -> bool:
        return self.augment is not None and self.augment.mixes_samples

    def mixed(self, batch: Batch) -> Batch:
        return batch if self.augment is None else self.augment.batch(batch, self.task.space)

    def __getitem__(self, draw: Draw) -> Item:
        if self.fixed:
            return self._item(draw.number)
        with seeded(draw.seed):
            return self._item(draw.number)

    def picture(self, number: int) -> Image:
        """A picture before it is cropped: upright, in RGB, and decoded no larger than the preprocessing needs."""
        if self._decoded is not None:
            (row,) = self._decoded.ragged([number])
            return row_to_image(row.numpy())
        min_side = cast(ImagePreprocess, self.preprocess).min_side
        picture = cast("Path | Picture", self.samples.inputs[number])
        return open_image(picture if self._hashed is None else self._hashed.read(number, picture), min_side)

    def _item(self, number: int) -> Item:
        if self.task.overlaid and self.augment is not None:
            return self._moved(number, self.augment)
        target = self.targets.one(number)
        match self.preprocess:
            case ImagePreprocess():
                image = self.picture(number)
                if self.augment is None:
                    return Item(self.preprocess.tensor(self.preprocess.crop(image)), None, target)
                pixels = self.preprocess.tensor(self.augment.sample(image, self.preprocess))
                return Item(self.augment.random_erase(pixels), None, target)
            case TextPreprocess():
                if self.augment is None:
                    return Item(*self._tokens.of(number), target)
                text = cast("str | tuple[str, str]", self.samples.inputs[number])
                changed = self.augment.sample(text, self.preprocess)
                ids, segments = ([], []) if changed == text else self.preprocess.ids(changed)
                if not ids:  # augmentation left the text as it is, or left nothing of it that the tokenizer knows
                    return Item(*self._tokens.of(number), target)
                return Item(torch.tensor(ids), torch.tensor(segments), target)

    def _moved(self, number: int, augment: Augment) -> Item:
        """A picture with its overlay, augmented alike; a picture may be decoded smaller than it is."""
        preprocess, targets = cast(ImagePreprocess, self.preprocess), cast(Overlays, self.targets)
        image = self.picture(number)
        overlay = on_picture(targets.whole(number), image.size)
        image, overlay = augment.sample_with_overlay(image, overlay, preprocess)
        pixels = augment.random_erase(preprocess.tensor(image))
        return Item(pixels, None, self.task.placed(self.samples[number], overlay))

    def collate(self, items: list[Item]) -> Batch:
        """Items as one batch; texts are padded to the longest of them, and a mask marks the real tokens."""
        y = self.targets.joined([item.target for item in items])
        match self.preprocess:
            case ImagePreprocess():
                return Batch(Inputs(torch.stack([item.values for item in items])), y)
            case TextPreprocess():
                ids, segments = [i.values for i in items], [i.segments for i in items if i.segments is not None]
                values = pad_sequence(ids, batch_first=True, padding_value=self.preprocess.pad_id)
                return Batch(Inputs(values, length_mask(ids), pad_sequence(segments, batch_first=True)), y)


class CroppedPictures(Reader):
    """Pictures cropped as evaluation sees them, before they are normalised: bytes (B, 3, size, size)."""

    def __init__(self, items: Items) -> None:
        super().__init__(items.samples, items.workers)
        self.items, self.targets = items, items.targets

    def batch(self, draws: list[Draw]) -> Batch:
        from torchvision.transforms.v2.functional import pil_to_tensor

        preprocess = cast(ImagePreprocess, self.items.preprocess)
        crops = [pil_to_tensor(preprocess.crop(self.items.picture(draw.number))) for draw in draws]
        return Batch(Inputs(torch.stack(crops)), self.targets.take([draw.number for draw in draws]))


class CachedPictures(Reader):
    """Cropped pictures that are read back from the cache's rows of bytes, and normalised."""

    def __init__(self, items: Items, rows: Rows) -> None:
        super().__init__(items.samples)
        self.rows, self.preprocess, self.targets = rows, cast(ImagePreprocess, items.preprocess), items.targets

    def batch(self, draws: list[Draw]) -> Batch:
        numbers = [draw.number for draw in draws]
        pixels = channels_first(self.rows.take(numbers))
        return Batch(Inputs(self.preprocess.normalise(pixels)), self.targets.take(numbers))
