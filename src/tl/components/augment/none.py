"""No augmentation."""

from __future__ import annotations

from typing import Any, ClassVar, cast, final

from tl.components.augment.base import Augment
from tl.components.overlay import cropped
from tl.components.preprocess import ImagePreprocess, Modality, Preprocess
from tl.space import Form


@final
class NoAugment(Augment):
    """Training samples look as they do in evaluation: the centre crop of an image, a text unchanged."""

    modality: ClassVar[Modality | None] = None
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "tokens", "maps", "pair")

    @property
    def deterministic(self) -> bool:
        return True

    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """The centre crop of a PIL image; a text or a pair of texts as it is."""
        match preprocess:
            case ImagePreprocess():
                return preprocess.crop(value)
            case _:
                return value

    def sample_with_overlay(self, image: Any, overlay: Any, preprocess: Preprocess) -> tuple[Any, Any]:
        """The centre crop of both."""
        images = cast(ImagePreprocess, preprocess)
        return images.crop(image), cropped(overlay, images)
