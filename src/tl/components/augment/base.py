"""What augmentation may change: one raw training sample, then a whole training batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from tl.batch import Batch
from tl.components.preprocess import Modality, Preprocess
from tl.space import Space


class Augment(ABC):
    """Randomness comes from torch's global generator, which the caller seeds for each sample and each batch."""

    modality: ClassVar[Modality | None] = None

    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """Whether a sample looks the same in every batch, so that a frozen function of it may be cached."""

    @property
    def mixes(self) -> bool:
        """Whether `batch` changes anything: what it gives then is no function of single samples."""
        return False

    def objection(self, space: Space) -> str:
        """The user's mistake where the options make no sense for this output space; empty, as here, where they do."""
        return ""

    @abstractmethod
    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A PIL image to one of the size that `preprocess.tensor` takes; a text or a pair of texts to the same type."""

    def erase(self, image: Tensor) -> Tensor:
        """The normalised tensor (3, H, W) to one with parts erased; the default leaves it."""
        return image

    def batch(self, batch: Batch, space: Space) -> Batch:
        """A batch to a mixed one, with soft targets where the space has one label; the default leaves it."""
        return batch
