"""A picture with its true boxes and those that were found, as a card of the report."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from tl.components.data.boxes import Box
from tl.components.picture import open_image, upright_size
from tl.components.task.judged import Judged, shown
from tl.errors import TLError
from tl.metrics.overlaps import Found, overlap
from tl.report.blocks import Card, Says, ShownBox
from tl.report.words import number

_SIDE = 384
_HALF = 0.5


def boxes_card(judged: Judged, place: int, true: Sequence[Box], names: Sequence[str], sure: float) -> Card:
    """The picture with its boxes that were found, missed and made up, where `sure` is the least score that counts."""
    sample, found = judged.samples[place], judged.kept.answers[place].found
    missed, spurious = _missed(found, true, names, sure), _chosen(found, sure, 0)
    note = f"{len(missed)} missed, {len(spurious)} made up"
    if not judged.may_show(sample):
        return Card(id=sample.id, note=note, **shown(sample, judged.may_show))
    try:
        picture, size = open_image(sample.input, _SIDE), upright_size(sample.input)
    except TLError:
        return Card(id=sample.id, note=note, text=f"{sample.where} cannot be opened any more")
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    drawn = [_drawn(box[:4], size, box.name, "missed") for box in missed]
    kinds: tuple[tuple[Says, int], ...] = (("right", 1), ("spurious", 0))
    for says, hit in kinds:
        for i in _chosen(found, sure, hit):
            label = f"{names[int(found.classes[i])]} {number(float(found.scores[i]), 2)}"
            drawn.append(_drawn(found.sides[i], size, label, says))
    return Card(id=sample.id, note=note, picture=buffer.getvalue(), boxes=drawn)


def _chosen(found: Found, sure: float, hit: int) -> list[int]:
    """The places of the sure boxes that are right (1) or wrong (0)."""
    return [int(i) for i in np.flatnonzero((found.scores >= sure) & (found.hits[:, 0] == hit))]


def _missed(found: Found, true: Sequence[Box], names: Sequence[str], sure: float) -> list[Box]:
    """The judged boxes that no sure box of their class overlaps by half, beside those that a surer pair takes."""
    left = [box for box in true if box.judged]
    for i in _chosen(found, sure, 1):
        own = [k for k, box in enumerate(left) if box.name == names[int(found.classes[i])]]
        sides = np.array([left[k][:4] for k in own], np.float64).reshape(-1, 4)
        if len(own):
            shares = overlap(found.sides[i : i + 1], sides, np.zeros(len(own), bool))[0]
            left.pop(own[int(shares.argmax())])
    return left


def _drawn(sides: Sequence[float], size: tuple[int, int], label: str, says: Says) -> ShownBox:
    left, top, right, bottom = (float(side) / whole for side, whole in zip(sides, size * 2, strict=True))
    return ShownBox(left, top, right, bottom, label, says)
