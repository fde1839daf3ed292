"""The boxes of a picture, each with its class, in pixels of the upright picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tl.components.sample import Annotation
from tl.errors import TLError

MOST_BOXES = 2_000
"""A picture has at most so many boxes."""

_ROUNDED = 1.0
# A box may reach so many pixels beyond its picture without a note: tools round in different ways.


class Box(NamedTuple):
    """The sides of a box, measured from the left upper corner of the picture, and its class.

    A box that is not `judged` is marked as hard or as a crowd: what is found there is neither right nor wrong.
    """

    left: float
    top: float
    right: float
    bottom: float
    name: str
    judged: bool = True


@dataclass(frozen=True)
class Boxes(Annotation):
    """All boxes of a picture of this size (width, height); a picture may have none."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(box.name for box in self.boxes))

    def plain(self) -> list[dict[str, Any]]:
        """The class and the sides of each box; whether it is judged, where it is not."""
        unjudged: dict[str, Any] = {"judged": False}
        return [{"class": box.name, "box": [*box[:4]], **({} if box.judged else unjudged)} for box in self.boxes]

    def of_classes(self, classes: Sequence[str]) -> Boxes:
        """The same picture with the boxes of these classes."""
        return Boxes(self.size, tuple(box for box in self.boxes if box.name in classes))


class Marked(NamedTuple):
    """A box as a file has it, and where: a file with a line, or with an index."""

    place: str
    box: Box


@dataclass
class BoxDoubts:
    """Where boxes were changed as they were read: cut at the edge of their picture, or left out as copies."""

    cut: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """A sentence for each kind of change."""
        kinds = (
            (self.cut, "reaches beyond its picture and is", "reach beyond their pictures and are", "cut at the edge"),
            (self.twice, "is there twice and is", "are there twice and are", "read once"),
        )
        return [
            f"{len(places)} box{f'es {many}' if len(places) > 1 else f' {one}'} {what}, such as {places[0]}."
            for places, one, many, what in kinds
            if places
        ]


def boxes_within(size: tuple[int, int], marked: Iterable[Marked], doubts: BoxDoubts) -> Boxes:
    """The boxes of a picture of this size (width, height), cut at its edges; of equal ones, one.

    TLError for a box without area or outside of the picture.
    """
    found: dict[Box, None] = {}
    for place, box in marked:
        _check(size, place, box)
        width, height = size
        inside = box._replace(
            left=max(0.0, box.left), top=max(0.0, box.top), right=min(width, box.right), bottom=min(height, box.bottom)
        )
        if max(abs(one - other) for one, other in zip(inside[:4], box[:4], strict=True)) > _ROUNDED:
            doubts.cut.append(place)
        if inside in found:
            doubts.twice.append(place)
        found[inside] = None
        if len(found) > MOST_BOXES:
            raise TLError(f"{place}: the picture has more than {MOST_BOXES} boxes: divide it into several pictures.")
    return Boxes(size, tuple(found))


def _check(size: tuple[int, int], place: str, box: Box) -> None:
    sides = " ".join(f"{side:g}" for side in box[:4])
    said = f"{place}: the box of '{box.name}' (left, top, right, bottom: {sides})"
    if not all(map(math.isfinite, box[:4])):
        raise TLError(f"{said} has a side that is no number: mend or remove it.")
    if box.right <= box.left or box.bottom <= box.top:
        raise TLError(f"{said} has no area: mend or remove it.")
    if box.right <= 0 or box.bottom <= 0 or box.left >= size[0] or box.top >= size[1]:
        raise TLError(f"{said} lies outside of its picture, which has {size[0]} x {size[1]} pixels: mend or remove it.")
