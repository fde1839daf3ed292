"""Boxes and masks over a picture, against places worked out by hand."""

from __future__ import annotations

from xml.etree import ElementTree

from tl.report.blocks import Card, Gallery, ShownBox
from tl.report.page import draw
from tl.report.scene import scene
from tl.report.thumbnail import data_uri

from .examples import png


def test_a_box_lies_where_its_shares_say() -> None:
    """A picture of 64 by 16 is drawn 192 by 48."""
    boxes = [ShownBox(0.25, 0.5, 0.75, 1.0, "cell", "missed"), ShownBox(-1.0, -1.0, 0.5, 0.5, "cut", "spurious")]
    drawing = scene(Card(id="a", picture=png(64, 16), boxes=boxes))
    assert drawing is not None
    svg = ElementTree.fromstring(drawing)
    assert svg.get("viewBox") == "0 0 192 48"
    found = [[one.get(key) for key in ("x", "y", "width", "height", "class")] for one in svg.iter("rect")]
    assert found == [["48", "24", "96", "24", "box missed"], ["0", "0", "96", "24", "box spurious"]]
    assert [(one.text, one.get("x")) for one in svg.iter("text")] == [("cell", "50"), ("cut", "2")]
    assert [one.text for one in svg.iter("title")] == ["a; cell missed; cut spurious", "cell, missed", "cut, spurious"]


def test_a_mask_covers_the_whole_picture() -> None:
    picture, mask = png(20, 40), png(5, 10, "LA")
    drawing = scene(Card(id="a", picture=picture, mask=mask))
    assert drawing is not None
    layers = list(ElementTree.fromstring(drawing).iter("image"))
    assert [one.get("href") for one in layers] == [data_uri(picture), data_uri(mask)]
    assert [(one.get("width"), one.get("height"), one.get("class")) for one in layers] == [
        ("96", "192", "picture"), ("96", "192", "mask"),
    ]  # fmt: skip


def test_a_label_that_does_not_fit_stays_inside_the_picture() -> None:
    long = ShownBox(0.9, 0.0, 1.0, 1.0, "a rather long label", "right")
    drawing = scene(Card(id="a", picture=png(32), boxes=[long]))
    assert drawing is not None
    (label,) = ElementTree.fromstring(drawing).iter("text")
    assert label.text is not None
    assert label.text.endswith("…")
    assert float(label.get("x", "nan")) + 6.2 * len(label.text) <= 192


def test_a_picture_without_boxes_stays_a_picture() -> None:
    assert "<img" in draw([Gallery([Card(id="a", picture=png())])])
    assert "<svg" in draw([Gallery([Card(id="a", picture=png(), boxes=[ShownBox(0, 0, 1, 1, "b", "right")])])])
