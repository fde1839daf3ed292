"""What augmentation may change: one raw training sample, then a whole training batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from tl.batch import Batch
from tl.preprocess import Modality, Preprocess


class Augment(ABC):
    """Randomness comes from torch's global generator, which the caller seeds for each sample and each batch."""

    modality: ClassVar[Modality | None] = None

    @abstractmethod
    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A PIL image to one of the size that `preprocess.tensor` takes, or (ids, segments) lists to such lists."""

    def batch(self, batch: Batch, classes: int) -> Batch:
        """A batch to a mixed one with soft targets; the default leaves it."""
        return batch

    def erase(self, image: Tensor) -> Tensor:
        """The normalised tensor (3, H, W) to one with parts erased; the default leaves it."""
        return image
