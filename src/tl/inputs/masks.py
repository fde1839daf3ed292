"""The masks of a split's pictures as targets, each cropped as evaluation crops its picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from torch import Tensor

from tl.batch import Targets
from tl.components.preprocess import ImagePreprocess
from tl.components.sample import Samples
from tl.components.task.base import Task
from tl.space import IGNORED

# Cropped masks of so many bytes are kept in memory; others are read anew from their files at every reading.
_MOST_BYTES = 256 * 1024**2


class Masks(Targets):
    """Targets int64 (size, size) for each sample, read from the files when they are asked for."""

    def __init__(self, samples: Samples, task: Task, preprocess: ImagePreprocess) -> None:
        super().__init__(torch.empty(0, dtype=torch.long))
        self.samples, self.task, self.preprocess = samples, task, preprocess
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def one(self, number: int) -> Tensor:
        if (crop := self._kept.get(number)) is None:
            crop = np.array(self.preprocess.crop_mask(self.whole(number)))
            if (len(self._kept) + 1) * crop.size <= _MOST_BYTES:
                self._kept[number] = crop
        return as_target(crop)

    def take(self, numbers: Sequence[int]) -> Tensor:
        return self.joined([self.one(number) for number in numbers])

    def whole(self, number: int) -> Image:
        """The mask before it is cropped."""
        return self.task.mask(self.samples[number])


def as_target(mask: npt.ArrayLike) -> Tensor:
    """A mask of bytes (H, W), 1 + the class of each pixel, as class numbers; IGNORED where it is 0."""
    classes = torch.from_numpy(np.asarray(mask, np.int64)) - 1
    return classes.masked_fill_(classes < 0, IGNORED)
