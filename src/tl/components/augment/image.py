"""Random crops, mirrors, colours, policies, erasing and mixing of pictures, by torchvision's transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, cast, final

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torchvision.transforms import v2

from tl.batch import Batch
from tl.components.augment.base import Augment
from tl.components.preprocess import ImagePreprocess, Modality, Preprocess
from tl.errors import Mistakes, TLError
from tl.space import Space

Step = Callable[[Any], Any]


@final
class ImageAugment(Augment):
    """Crop, mirror, rotate, change colours, apply a policy, erase, mix; what opens up is filled with the mean colour.

    RandAugment: Cubuk et al. 2020. TrivialAugment: Müller & Hutter 2021. Random erasing: Zhong et al. 2020.
    Mixup: Zhang et al. 2018. CutMix: Yun et al. 2019. Hue changes a quarter as much as the rest: Chen et al. 2020.
    """

    modality: ClassVar[Modality | None] = "image"

    def __init__(
        self,
        *,
        crop: float | None,
        ratio: float,
        flip: float,
        vertical_flip: float,
        rotate: float,
        color: float,
        grayscale: float,
        policy: Literal["none", "randaugment", "trivialaugment"],
        policy_ops: int,
        policy_magnitude: int,
        erase: float,
        mixup: float | None,
        cutmix: float | None,
    ) -> None:
        self.crop, self.ratio, self.rotate, self.color = crop, ratio, rotate, color
        self.flip, self.vertical_flip, self.grayscale = flip, vertical_flip, grayscale
        self.policy, self.policy_ops, self.policy_magnitude = policy, policy_ops, policy_magnitude
        self.erasure, self.mixup, self.cutmix = erase, mixup, cutmix
        if mistakes := self._mistakes():
            raise Mistakes(mistakes)
        self._built: dict[ImagePreprocess, list[Step]] = {}
        self._eraser = v2.RandomErasing(p=erase)
        alphas = ((v2.MixUp, mixup), (v2.CutMix, cutmix))
        self._mixers = [mixer(alpha=alpha) for mixer, alpha in alphas if alpha is not None]

    def _mistakes(self) -> list[str]:
        share = ("flip", "vertical_flip", "grayscale", "color", "erase")
        values = (self.flip, self.vertical_flip, self.grayscale, self.color, self.erasure)
        rules = [
            ("crop", self.crop, self.crop is None or 0 < self.crop <= 1, "above 0 and at most 1, or null"),
            ("ratio", self.ratio, self.ratio >= 1, "of at least 1"),
            *((key, value, 0 <= value <= 1, "from 0 to 1") for key, value in zip(share, values, strict=True)),
            ("rotate", self.rotate, 0 <= self.rotate <= 180, "of degrees from 0 to 180"),
            ("policy_ops", self.policy_ops, self.policy_ops >= 1, "of at least 1"),
            ("policy_magnitude", self.policy_magnitude, 0 <= self.policy_magnitude <= 30, "from 0 to 30"),
            ("mixup", self.mixup, self.mixup is None or self.mixup > 0, "above 0, or null"),
            ("cutmix", self.cutmix, self.cutmix is None or self.cutmix > 0, "above 0, or null"),
        ]
        wrong = [(key, value, remedy) for key, value, right, remedy in rules if not right]
        return [f"augment.{key} is {value}: give a number {remedy}." for key, value, remedy in wrong]

    @property
    def deterministic(self) -> bool:
        chances = (self.flip, self.vertical_flip, self.rotate, self.color, self.grayscale, self.erasure)
        return self.crop is None and self.policy == "none" and not any(chances) and not self._mixers

    @property
    def mixes(self) -> bool:
        return bool(self._mixers)

    def objection(self, space: Space) -> str:
        """Numbers refuse cutmix: the share of a picture's area that is seen says nothing of a share of its number."""
        if space.kind != "number" or self.cutmix is None:
            return ""
        return (
            f"augment.cutmix is {self.cutmix}, but the data has numbers to predict, which do not mix by area: "
            "set augment.cutmix=null or use augment.mixup."
        )

    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A PIL image (RGB) to one of size x size pixels."""
        known = cast(ImagePreprocess, preprocess)
        if known not in self._built:
            self._built[known] = self._build(known)
        for step in self._built[known]:
            value = step(value)
        return value

    def _build(self, preprocess: ImagePreprocess) -> list[Step]:
        how: dict[str, Any] = {
            "interpolation": preprocess.mode,
            "fill": [round(255 * channel) for channel in preprocess.mean],
        }
        steps: list[Step] = [preprocess.crop if self.crop is None else self._cropper(preprocess, self.crop)]
        if self.flip:
            steps.append(v2.RandomHorizontalFlip(self.flip))
        if self.vertical_flip:
            steps.append(v2.RandomVerticalFlip(self.vertical_flip))
        if self.rotate:
            steps.append(v2.RandomRotation(self.rotate, **how))
        if self.color:
            steps.append(v2.ColorJitter(self.color, self.color, self.color, self.color / 4))
        if self.grayscale:
            steps.append(v2.RandomGrayscale(self.grayscale))
        match self.policy:
            case "randaugment":
                steps.append(v2.RandAugment(self.policy_ops, self.policy_magnitude, **how))
            case "trivialaugment":
                steps.append(v2.TrivialAugmentWide(**how))
            case "none":
                pass
        return steps

    def _cropper(self, preprocess: ImagePreprocess, smallest: float) -> Step:
        ratio = (1 / self.ratio, self.ratio)
        cropper: Step = v2.RandomResizedCrop(
            preprocess.size, (smallest, 1.0), ratio, interpolation=preprocess.mode, antialias=True
        )
        return cropper

    def erase(self, image: Tensor) -> Tensor:
        """The normalised tensor (3, H, W) to one with a rectangle of 0.02 to 0.33 of its area at the mean colour."""
        if not self.erasure:
            return image
        erased: Tensor = self._eraser(image)
        return erased

    def batch(self, batch: Batch, space: Space) -> Batch:
        """Blend every picture with its neighbour in the batch, and their targets alike; unknown labels stop it."""
        if not self._mixers or (space.kind == "single" and bool((batch.y < 0).any())):
            return batch
        if objection := self.objection(space):
            raise TLError(objection)
        mixer = self._mixers[int(torch.randint(len(self._mixers), ()))]
        y = one_hot(batch.y, space.dim).float() if space.kind == "single" else batch.y
        values, y = mixer(batch.x.values, y)
        return batch._replace(x=batch.x._replace(values=values), y=y)
