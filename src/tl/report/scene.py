"""A picture with boxes or a mask drawn over it."""

from __future__ import annotations

import io

from markupsafe import Markup
from PIL import Image

from tl.boundary.foreign import reading
from tl.errors import TLError
from tl.report.blocks import Card, ShownBox
from tl.report.svg import drawing, px, rect, text
from tl.report.thumbnail import SIDE, data_uri
from tl.report.words import shorten, text_width

_LETTER = 6.2
"""The width of a letter of a box's label in units of the drawing, whose longer side has `SIDE` of them."""


def scene(card: Card) -> Markup | None:
    """The card's picture with its mask and boxes as SVG; None where the picture is neither a PNG nor a JPEG."""
    size = None if card.picture is None else _size(card.picture)
    if size is None or card.picture is None:
        return None
    scale = SIDE / max(size)
    width, height = size[0] * scale, size[1] * scale
    layers = [_layer(card.picture, width, height, "picture")]
    if card.mask is not None:
        layers.append(_layer(card.mask, width, height, "mask"))
    drawn = "".join(_box(one, width, height) for one in card.boxes)
    title = "; ".join([card.id, *(f"{one.label} {one.says}" for one in card.boxes)])
    return Markup(drawing(width, height, "".join(layers) + drawn, title=title, kind="scene"))


def _size(picture: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None for bytes that are no PNG or JPEG, or that cannot be read."""
    if data_uri(picture) is None:
        return None
    try:
        with reading("picture", "cannot be drawn on", "replace or remove it"), Image.open(io.BytesIO(picture)) as image:
            return image.size
    except TLError:
        return None


def _layer(picture: bytes, width: float, height: float, kind: str) -> str:
    uri = data_uri(picture)
    size = f'width="{px(width)}" height="{px(height)}" preserveAspectRatio="none"'
    return f'<image href="{uri}" {size} class="{kind}"/>' if uri else ""


def _box(box: ShownBox, width: float, height: float) -> str:
    """A box, cut where it leaves the picture, with as much of its label as fits between it and the right edge."""
    left, right = (min(1.0, max(0.0, one)) * width for one in (box.left, box.right))
    top, bottom = (min(1.0, max(0.0, one)) * height for one in (box.top, box.bottom))
    words = shorten(box.label, max(1, int((width - left - 4) / _LETTER)))
    x = max(2.0, min(left + 2, width - _LETTER * text_width(words)))
    shape = rect((left, top, right - left, bottom - top), f"box {box.says}", tip=f"{box.label}, {box.says}")
    return shape + text(x, top + 11, words, f"small label {box.says}")
