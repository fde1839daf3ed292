"""The overlays of a split's pictures as targets, each cropped as evaluation crops its picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.batch import Targets
from tl.components.overlay import Overlay, cropped
from tl.components.preprocess import ImagePreprocess
from tl.components.sample import Samples
from tl.components.task.base import Task
from tl.space import IGNORED

# Cropped masks of so many bytes are kept in memory; others are read anew from their files at every reading.
_MOST_BYTES = 256 * 1024**2


class Overlays(Targets):
    """The target that the task makes of each sample's overlay, which is read when it is asked for."""

    def __init__(self, samples: Samples, task: Task, preprocess: ImagePreprocess) -> None:
        super().__init__(torch.empty(0, dtype=torch.long))
        self.samples, self.task, self.preprocess = samples, task, preprocess
        counts = [task.count(sample) for sample in samples]
        known = [count for count in counts if count is not None]
        self.counts = torch.tensor(known) if len(known) == len(counts) else None
        self._kept: dict[int, Overlay] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.samples)

    def one(self, number: int) -> Tensor:
        if (crop := self._kept.get(number)) is None:
            crop = cropped(self.whole(number), self.preprocess)
            if self._bytes + (size := _bytes(crop)) <= _MOST_BYTES:
                self._kept[number], self._bytes = crop, self._bytes + size
        return self.task.placed(self.samples[number], crop)

    def take(self, numbers: Sequence[int]) -> Tensor:
        return self.joined([self.one(number) for number in numbers])

    def joined(self, targets: Sequence[Tensor]) -> Tensor:
        """The targets of a batch, padded to the longest with IGNORED where their lengths differ."""
        return pad_sequence(list(targets), batch_first=True, padding_value=IGNORED)

    def whole(self, number: int) -> Overlay:
        """The overlay before it is cropped."""
        return self.task.overlay(self.samples[number])


def _bytes(overlay: Overlay) -> int:
    match overlay:
        case Image():
            return overlay.width * overlay.height
    return int(overlay.nbytes)
