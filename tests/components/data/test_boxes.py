"""Boxes are cut at the edge of their picture; those that cannot be are refused, with their place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tl.components.data.boxes import MOST_BOXES, Box, BoxDoubts, Boxes, Marked, boxes_within
from tl.components.data.labels import with_missing
from tl.components.sample import Sample, Samples
from tl.errors import TLError


def within(*boxes: Box, size: tuple[int, int] = (100, 50)) -> tuple[Boxes, BoxDoubts]:
    doubts = BoxDoubts()
    marked = [Marked(f"a.xml:{number}", box) for number, box in enumerate(boxes, start=1)]
    return boxes_within(size, marked, doubts), doubts


def test_a_box_that_reaches_beyond_its_picture_is_cut_and_noted_unless_by_rounding() -> None:
    found, doubts = within(Box(-0.5, 3, 20, 51, "a"), Box(-7, 3, 200, 40, "b"))
    assert found.boxes == (Box(0, 3, 20, 50, "a"), Box(0, 3, 100, 40, "b"))
    assert doubts.notes() == ["1 box reaches beyond its picture and is cut at the edge, such as a.xml:2."]


def test_a_box_that_is_there_twice_is_read_once() -> None:
    box = Box(1, 2, 3, 4, "a")
    found, doubts = within(box, box, box._replace(name="b"), box)
    assert found.boxes == (box, box._replace(name="b"))
    assert doubts.notes() == ["2 boxes are there twice and are read once, such as a.xml:2."]


@pytest.mark.parametrize(
    "sides, said",
    [
        ((5, 5, 5, 9), r"a\.xml:1: the box of 'cat' \(left, top, right, bottom: 5 5 5 9\) has no area: mend"),
        ((9, 5, 5, 9), "has no area"),
        ((100, 5, 120, 9), "lies outside of its picture, which has 100 x 50 pixels"),
        ((5, -9, 10, 0), "lies outside of its picture"),
        ((5, math.nan, 10, 9), "has a side that is no number"),
        ((5, 1, math.inf, 9), "has a side that is no number"),
    ],
)
def test_a_box_that_cannot_be_is_refused(sides: tuple[float, ...], said: str) -> None:
    with pytest.raises(TLError, match=said):
        within(Box(*sides, "cat"))


def test_a_picture_has_a_number_of_boxes_that_can_be_worked_with() -> None:
    with pytest.raises(TLError, match=f"more than {MOST_BOXES} boxes"):
        within(*(Box(0, 0, 1 + number / MOST_BOXES, 1, "a") for number in range(MOST_BOXES + 1)))


def test_the_content_of_boxes_is_what_they_are() -> None:
    one, same = (Boxes((9, 8), (Box(0.0, 1.0, 2.0, 3.0, "a"), Box(0.0, 1.0, 2.0, 3.5, "b", False))) for _ in range(2))
    assert (one, hash(one), repr(one)) == (same, hash(same), repr(same))
    assert repr(one) != repr(Boxes((9, 8), one.boxes[:1]))
    assert one.names == ("a", "b")
    plain: list[dict[str, Any]] = one.plain()
    assert plain[0] == {"class": "a", "box": [0.0, 1.0, 2.0, 3.0]}
    assert plain[1]["judged"] is False
    assert one.of_classes(["b"]).boxes == one.boxes[1:]


def test_words_for_no_label_are_no_classes_of_boxes() -> None:
    samples = Samples.of(
        [Sample("1", Path("1.png"), Boxes((9, 9), (Box(0, 0, 3, 3, "cat"), Box(1, 1, 4, 4, "unknown"))), "1.xml")]
    )
    with pytest.raises(
        TLError, match=r"^data\.missing=\[unknown\] says .* 'unknown' is a class of what is marked within"
    ):
        with_missing(samples, ["unknown"])
    assert with_missing(samples, ["none"]).targets[0] == samples.targets[0]
