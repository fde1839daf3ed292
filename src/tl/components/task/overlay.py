"""A picture with its wrong pixels coloured, as a card of the report."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tl.components.picture import open_image
from tl.components.preprocess import ImagePreprocess
from tl.components.task.judged import Judged, shown
from tl.errors import TLError
from tl.report.blocks import Card
from tl.report.words import number

if TYPE_CHECKING:
    from PIL.Image import Image

_WRONG = (220, 30, 60, 150)


def overlay_card(judged: Judged, place: int, share: float) -> Card:
    """The crop that was judged, its wrong pixels red; `share` is theirs of its judged pixels."""
    import numpy as np
    from PIL import Image as Images

    sample, preprocess = judged.samples[place], judged.preprocess
    note = f"{number(100 * share)} % of its pixels are wrong"
    if not judged.may_show(sample):
        return Card(id=sample.id, note=note, **shown(sample, judged.may_show))
    assert isinstance(preprocess, ImagePreprocess), "only pictures have masks"
    try:
        picture = preprocess.crop(open_image(sample.input, preprocess.min_side))
    except TLError:
        return Card(id=sample.id, note=note, text=f"{sample.where} cannot be opened any more")
    answered, true = np.moveaxis(np.asarray(Images.open(io.BytesIO(judged.kept.answers[place]))).astype(int), -1, 0)
    colours = np.zeros((*true.shape, 4), np.uint8)
    colours[(true > 0) & (answered + 1 != true)] = _WRONG
    return Card(id=sample.id, note=note, picture=_bytes(picture, "JPEG"), mask=_bytes(Images.fromarray(colours), "PNG"))


def _bytes(image: Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()
