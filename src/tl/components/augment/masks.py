"""Moving a picture's mask with the picture: what a transform did to the one is done to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

if TYPE_CHECKING:
    from PIL.Image import Image

_NEAREST = InterpolationMode.NEAREST


def moved(transform: Callable[[Any], Any], image: Image, mask: Image) -> tuple[Image, Image]:
    """An image and its mask after a transform; where the image has no pixel, the mask is 0: not judged.

    Transforms of colours leave the mask as it is.
    """
    match transform:
        case v2.RandomHorizontalFlip() | v2.RandomVerticalFlip():
            image, mask = transform((image, mask))
        case v2.RandomResizedCrop():
            place = transform.make_params([image])
            mask = F.resized_crop(mask, **place, size=transform.size, interpolation=_NEAREST)
            image = transform.transform(image, place)
        case v2.RandomRotation():
            turn = transform.make_params([image])
            mask = F.rotate(mask, **turn, interpolation=_NEAREST, fill=[0])
            image = transform.transform(image, turn)
        case _:
            image = transform(image)
    return image, mask
