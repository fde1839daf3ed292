"""What an augmentation may change: a training sample, then the sample's image tensor, then the whole batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from tl.batch import Batch
from tl.components.preprocess import Modality, Preprocess
from tl.errors import TLError
from tl.space import Form, Space


class Augment(ABC):
    """The base class of augmentations. `modality` is the type of input that an option takes; None means both.
    `forms` are the forms of features whose targets it leaves in place.

    Random numbers come from torch's global generator, which the caller seeds for each sample and each batch.
    """

    modality: ClassVar[Modality | None] = None
    forms: ClassVar[tuple[Form, ...]] = ("pooled",)

    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """Whether a sample looks the same in every batch, so that its activations from frozen stages may be cached."""

    @property
    def mixes_samples(self) -> bool:
        """Whether `batch` mixes the samples of a batch, so that no activation of a single sample can be cached."""
        return False

    def mistake_for(self, space: Space) -> str:
        """A sentence where the recipe's keys make no sense for this output space; the default '' means they do."""
        return ""

    @abstractmethod
    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A PIL image, cropped to the size that `preprocess.tensor` takes; or a text or a pair of texts."""

    def sample_with_overlay(self, image: Any, overlay: Any, preprocess: Preprocess) -> tuple[Any, Any]:
        """A PIL image and its overlay (components/overlay.py), augmented and cropped alike, where `forms` have maps."""
        raise TLError(f"{type(self).__name__} moves no masks or boxes with their picture: take augment=none.")

    def random_erase(self, image: Tensor) -> Tensor:
        """A normalised image tensor (3, H, W) with parts erased; the default erases nothing."""
        return image

    def batch(self, batch: Batch, space: Space) -> Batch:
        """A batch of mixed samples, with soft targets where the space has one label; the default mixes nothing."""
        return batch
