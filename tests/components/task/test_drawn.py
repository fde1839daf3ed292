"""What is drawn over a picture, looked at pixel by pixel."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tl.components.task.drawn import DrawnBox, colour, with_boxes, with_classes


def test_a_box_is_drawn_on_its_sides_and_nothing_within() -> None:
    drawn = np.asarray(with_boxes(Image.new("RGB", (200, 100)), [DrawnBox((50, 30, 150, 90), "cat", 1)]))
    own = (drawn == colour(1)).all(axis=-1)
    assert own[89, 51:149].all()
    assert own[50:89, 149].all()
    assert not own[60:88, 60:140].any()
    assert not own[91:].any()
    label = drawn[28:42, 49:80]
    assert (label == colour(1)).all(axis=-1).mean() > 0.2
    assert (label.sum(axis=-1) == 0).any()


def test_the_surest_box_lies_on_top_and_labels_stay_within_the_picture() -> None:
    picture = Image.new("RGB", (120, 60))
    marks = [DrawnBox((10, 10, 50, 50), "", 0), DrawnBox((10, 10, 50, 50), "", 1)]
    assert with_boxes(picture, marks).getpixel((10, 45)) == colour(0)
    drawn = np.asarray(with_boxes(picture, [DrawnBox((115, 55, 140, 80), "a long label", 2)]))
    assert (drawn[45:, 40:] == colour(2)).all(axis=-1).sum() > 100
    assert not np.asarray(picture).any()


def test_pixels_have_the_colour_of_their_class_mixed_with_their_own() -> None:
    classes = np.zeros((80, 160), int)
    classes[:, 80:] = 2
    drawn = np.asarray(with_classes(Image.new("RGB", (160, 80), "white"), classes, ["a", "b", "c"]))
    for place, number in (((70, 10), 0), ((70, 150), 2)):
        assert drawn[place].tolist() == [round(0.55 * 255 + 0.45 * one) for one in colour(number)]
    assert not (drawn == colour(1)).all(axis=-1).any()


def test_classes_have_colours_of_their_own() -> None:
    assert len({colour(number) for number in range(40)}) == 40
