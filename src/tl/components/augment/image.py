"""Random crops, mirrors, colours, policies, erasing and mixing of pictures, by torchvision's transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, cast, final

import torch
from torch import Tensor
from torchvision.transforms import v2

from tl.batch import Batch
from tl.components.augment.base import Augment
from tl.components.overlay import cropped, moved
from tl.components.preprocess import ImagePreprocess, Modality, Preprocess
from tl.errors import TLError
from tl.family import family_of
from tl.space import Form, Space

Transform = Callable[[Any], Any]


@final
class ImageAugment(Augment):
    """Crop, mirror, rotate, change colours, apply a policy, erase, mix.

    Corners that a rotation leaves empty are filled with the mean colour. Hue changes a quarter as much as the other
    colour values (Chen et al. 2020).
    RandAugment: Cubuk et al. 2020. TrivialAugment: Müller & Hutter 2021. Random erasing: Zhong et al. 2020.
    Mixup: Zhang et al. 2018. CutMix: Yun et al. 2019.
    """

    modality: ClassVar[Modality | None] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps", "pair")
    MASKED: ClassVar[dict[str, object]] = {"policy": "none", "mixup": None, "cutmix": None}
    """The keys that change a picture in ways that its mask cannot follow, each with the value that does not."""

    def __init__(
        self,
        *,
        crop: Annotated[float, "above 0 to 1"] | None,
        ratio: Annotated[float, "at least 1"],
        flip: Annotated[float, "0 to 1"],
        vertical_flip: Annotated[float, "0 to 1"],
        rotate: Annotated[float, "0 to 180"],
        color: Annotated[float, "0 to 1"],
        grayscale: Annotated[float, "0 to 1"],
        policy: Literal["none", "randaugment", "trivialaugment"],
        policy_ops: Annotated[int, "at least 1"],
        policy_magnitude: Annotated[int, "0 to 30"],
        erase: Annotated[float, "0 to 1"],
        mixup: Annotated[float, "above 0"] | None,
        cutmix: Annotated[float, "above 0"] | None,
    ) -> None:
        self.crop, self.ratio, self.rotate, self.color = crop, ratio, rotate, color
        self.flip, self.vertical_flip, self.grayscale = flip, vertical_flip, grayscale
        self.policy, self.policy_ops, self.policy_magnitude = policy, policy_ops, policy_magnitude
        self.erase, self.mixup, self.cutmix = erase, mixup, cutmix
        self._transforms: dict[ImagePreprocess, list[Transform]] = {}
        self._eraser = v2.RandomErasing(p=erase)
        alphas = ((v2.MixUp, mixup), (v2.CutMix, cutmix))
        self._mixers = [mixer(alpha=alpha) for mixer, alpha in alphas if alpha is not None]

    @property
    def deterministic(self) -> bool:
        chances = (self.flip, self.vertical_flip, self.rotate, self.color, self.grayscale, self.erase)
        return self.crop is None and self.policy == "none" and not any(chances) and not self._mixers

    @property
    def mixes_samples(self) -> bool:
        return bool(self._mixers)

    def mistake_for(self, space: Space) -> str:
        """A mistake where cutmix meets numbers to predict, or where embeddings of mixed pictures would be compared."""
        return family_of(space.kind).mixing_mistake(self.cutmix, self.mixup)

    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A PIL image (RGB), augmented and cropped to size x size pixels."""
        for transform in self._transforms_for(cast(ImagePreprocess, preprocess)):
            value = transform(value)
        return value

    def sample_with_overlay(self, image: Any, overlay: Any, preprocess: Preprocess) -> tuple[Any, Any]:
        images = cast(ImagePreprocess, preprocess)
        for transform in self._transforms_for(images):
            if transform == images.crop:
                image, overlay = images.crop(image), cropped(overlay, images)
            else:
                image, overlay = moved(transform, image, overlay)
        return image, overlay

    def _transforms_for(self, preprocess: ImagePreprocess) -> list[Transform]:
        if preprocess not in self._transforms:
            self._transforms[preprocess] = self._build(preprocess)
        return self._transforms[preprocess]

    def _build(self, preprocess: ImagePreprocess) -> list[Transform]:
        resampling: dict[str, Any] = {
            "interpolation": preprocess.interpolation_mode,
            "fill": [round(255 * channel) for channel in preprocess.mean],
        }
        transforms: list[Transform] = [preprocess.crop if self.crop is None else self._cropper(preprocess, self.crop)]
        if self.flip:
            transforms.append(v2.RandomHorizontalFlip(self.flip))
        if self.vertical_flip:
            transforms.append(v2.RandomVerticalFlip(self.vertical_flip))
        if self.rotate:
            transforms.append(v2.RandomRotation(self.rotate, **resampling))
        if self.color:
            transforms.append(v2.ColorJitter(self.color, self.color, self.color, self.color / 4))
        if self.grayscale:
            transforms.append(v2.RandomGrayscale(self.grayscale))
        match self.policy:
            case "randaugment":
                transforms.append(v2.RandAugment(self.policy_ops, self.policy_magnitude, **resampling))
            case "trivialaugment":
                transforms.append(v2.TrivialAugmentWide(**resampling))
            case "none":
                pass
        return transforms

    def _cropper(self, preprocess: ImagePreprocess, smallest: float) -> Transform:
        ratio = (1 / self.ratio, self.ratio)
        cropper: Transform = v2.RandomResizedCrop(
            preprocess.size, (smallest, 1.0), ratio, interpolation=preprocess.interpolation_mode, antialias=True
        )
        return cropper

    def random_erase(self, image: Tensor) -> Tensor:
        """A normalised image tensor (3, H, W) of which a rectangle (0.02 to 0.33 of the area) has the mean colour."""
        if not self.erase:
            return image
        erased: Tensor = self._eraser(image)
        return erased

    def batch(self, batch: Batch, space: Space) -> Batch:
        """Mix every picture with its neighbour in the batch, and their targets too.

        A batch with unknown labels is returned as it is.
        """
        if not self._mixers:
            return batch
        if mistake := self.mistake_for(space):
            raise TLError(mistake)
        if (soft := family_of(space.kind).mixable(batch.y, space.dim)) is None:
            return batch
        mixer = self._mixers[int(torch.randint(len(self._mixers), ()))]
        values, y = mixer(batch.x.values, soft)
        return batch._replace(x=batch.x._replace(values=values), y=y)
