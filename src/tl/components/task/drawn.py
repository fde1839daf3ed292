"""What was answered to a picture, drawn over it: boxes with their labels, or a colour for each class of pixels."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

_SHARE = 0.45
"""How much of a pixel is the colour of its class."""
_SMALLEST, _LARGEST = 10, 32
# A turn of so much around the circle of colours between two classes: neighbours differ, and none comes twice.
_GOLDEN = 0.618034
Colour = tuple[int, int, int]


class DrawnBox(NamedTuple):
    """A box in pixels of the picture (left, top, right, bottom), its label, and the number of its class."""

    sides: Sequence[float]
    label: str
    number: int


def colour(number: int) -> Colour:
    """A bright colour for the class of this number."""
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, 0.85, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def with_boxes(picture: Image, marks: Sequence[DrawnBox]) -> Image:
    """The picture with boxes; the first lies on top, as it is the surest."""
    from PIL import ImageDraw

    drawn = picture.copy()
    pen, line = ImageDraw.Draw(drawn), max(1, round(max(drawn.size) / 400))
    for sides, label, number in reversed(marks):
        left, top, right, bottom = sides
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour(number), width=line)
        _label(pen, (left, top), label, number, drawn.size)
    return drawn


def with_classes(picture: Image, classes: npt.NDArray[np.integer[Any]], names: Sequence[str]) -> Image:
    """The picture with the colour of each pixel's class (H, W), and the names of those that occur."""
    from PIL import Image as Images
    from PIL import ImageDraw

    palette = np.array([colour(number) for number in range(len(names))], np.float64)
    mixed = (1 - _SHARE) * np.asarray(picture.convert("RGB"), np.float64) + _SHARE * palette[classes]
    drawn = Images.fromarray(mixed.round().astype(np.uint8))
    pen, top = ImageDraw.Draw(drawn), 0.0
    for number in np.unique(classes).tolist():
        top = _label(pen, (0, top), names[number], number, drawn.size)
    return drawn


def _label(pen: Any, corner: tuple[float, float], words: str, number: int, size: tuple[int, int]) -> float:
    """Write words on their colour, within the picture; gives where they end below."""
    from PIL import ImageFont

    font = ImageFont.load_default(min(_LARGEST, max(_SMALLEST, max(size) / 40)))
    left, top, right, bottom = pen.textbbox(corner, words, font=font)
    back = max(0.0, right - size[0]), max(0.0, bottom - size[1])
    left, top, right, bottom = left - back[0], top - back[1], right - back[0], bottom - back[1]
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=colour(number))
    pen.text((corner[0] - back[0], corner[1] - back[1]), words, fill="black", font=font)
    return float(bottom + 2)
