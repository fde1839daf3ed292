"""What lies over a picture and is moved with it: a mask of bytes, 0 where nothing is known of a pixel, or boxes.

Masks are pictures of Pillow. Boxes are torchvision's `BoundingBoxes`, which may reach beyond the picture: whoever makes
targets of them sees how much of each is left. torchvision is imported where there are pictures: it is slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from PIL.Image import Image, Resampling

from tl.components.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from torchvision.tv_tensors import BoundingBoxes

Overlay: TypeAlias = "Image | BoundingBoxes"


def boxes_on(sides: Any, size: tuple[int, int]) -> BoundingBoxes:
    """Boxes (n, 4), left, top, right, bottom, on a picture of this size (width, height)."""
    from torchvision.tv_tensors import BoundingBoxes

    made: BoundingBoxes = BoundingBoxes(
        torch.as_tensor(sides, dtype=torch.float32).reshape(-1, 4),
        format="XYXY",
        canvas_size=(size[1], size[0]),
        clamping_mode=None,
    )
    return made


def on_picture(overlay: Overlay, size: tuple[int, int]) -> Overlay:
    """The overlay on its picture at this size (width, height), as pictures may be decoded smaller than they are."""
    match overlay:
        case Image():
            return overlay if overlay.size == size else overlay.resize(size, Resampling.NEAREST)
    height, width = overlay.canvas_size
    return boxes_on(overlay.as_subclass(torch.Tensor) * torch.tensor([size[0] / width, size[1] / height] * 2), size)


def cropped(overlay: Overlay, preprocess: ImagePreprocess) -> Overlay:
    """The overlay on what evaluation sees of its picture."""
    match overlay:
        case Image():
            return preprocess.crop_mask(overlay)
    height, width = overlay.canvas_size
    left, top, right, bottom = preprocess.frame((width, height))
    scale = torch.tensor([(right - left) / width, (bottom - top) / height] * 2)
    moved_by = torch.tensor([left, top] * 2)
    return boxes_on(overlay.as_subclass(torch.Tensor) * scale + moved_by, (preprocess.size, preprocess.size))


def moved(transform: Callable[[Any], Any], image: Image, overlay: Overlay) -> tuple[Image, Overlay]:
    """An image and its overlay after a transform; where the image has no pixel, a mask is 0.

    A box that is turned becomes the smallest upright one around it. Transforms of colours leave the overlay as it is.
    """
    from torchvision.transforms import InterpolationMode, v2
    from torchvision.transforms.v2 import functional as F

    nearest = InterpolationMode.NEAREST
    match transform:
        case v2.RandomHorizontalFlip() | v2.RandomVerticalFlip():
            image, overlay = transform((image, overlay))
        case v2.RandomResizedCrop():
            place = transform.make_params([image])
            overlay = F.resized_crop(overlay, **place, size=transform.size, interpolation=nearest)
            image = transform.transform(image, place)
        case v2.RandomRotation():
            turn = transform.make_params([image])
            overlay = F.rotate(overlay, **turn, interpolation=nearest, fill=[0])
            image = transform.transform(image, turn)
        case _:
            image = transform(image)
    return image, overlay
