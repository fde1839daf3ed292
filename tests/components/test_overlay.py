"""Masks and boxes are moved with their picture: what is drawn where they are stays there after every augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.components.augment.samples import PICTURES, TEXTS, option
from tl.components.overlay import boxes_on, cropped, on_picture
from tl.components.preprocess import Fit, ImagePreprocess
from tl.errors import TLError
from tl.rng import seeded

NOTHING: dict[str, Any] = {"crop": None, "flip": 0.0}


def drawn() -> tuple[Image.Image, Image.Image]:
    """Blocks of eight pixels, each of its own class; the picture shows the class times 10 in grey."""
    blocks = np.arange(1, 26, dtype=np.uint8).reshape(5, 5).repeat(8, 0).repeat(12, 1)
    return Image.fromarray(blocks * 10).convert("RGB"), Image.fromarray(blocks)


@pytest.mark.parametrize(
    "changes",
    [{}, {"flip": 1.0}, {"vertical_flip": 1.0}, {"crop": 0.2}, {"crop": 0.5, "flip": 0.5, "vertical_flip": 0.5}],
)
def test_the_mask_is_where_the_picture_is(changes: dict[str, Any]) -> None:
    augment = option("image", **{**NOTHING, **changes})
    for seed in range(8):
        with seeded(seed):
            image, mask = augment.sample_with_overlay(*drawn(), PICTURES)
        with seeded(seed):
            alone = augment.sample(drawn()[0], PICTURES)
        assert np.array_equal(np.asarray(image), np.asarray(alone))  # the picture is that of training without masks
        grey, classes = np.asarray(image)[..., 0].astype(int), np.asarray(mask).astype(int)
        assert (abs(grey - 10 * classes) <= 5).mean() > 0.6  # blocks' edges are blended in the picture
        assert abs(np.median(grey - 10 * classes)) <= 1


def test_corners_that_a_rotation_leaves_empty_are_not_judged() -> None:
    with seeded(3):
        image, mask = option("image", **{**NOTHING, "rotate": 45.0}).sample_with_overlay(*drawn(), PICTURES)
    grey, classes = np.asarray(image)[..., 0].astype(int), np.asarray(mask).astype(int)
    known = classes > 0
    assert 0.5 < known.mean() < 1
    assert not known[0, 0] or not known[0, -1]
    assert (abs(grey - 10 * classes)[known] <= 5).mean() > 0.4


def test_colours_leave_the_mask_as_it_is() -> None:
    with seeded(1):
        image, mask = option("image", **{**NOTHING, "color": 0.5, "grayscale": 0.5}).sample_with_overlay(
            *drawn(), PICTURES
        )
    plain, same = option("none").sample_with_overlay(*drawn(), PICTURES)
    assert np.array_equal(np.asarray(mask), np.asarray(same))
    assert not np.array_equal(np.asarray(image), np.asarray(plain))


@pytest.mark.parametrize("size", [(60, 40), (41, 63), (24, 24), (7, 300)])
def test_the_crop_of_a_mask_takes_the_pixel_at_each_place(size: tuple[int, int]) -> None:
    """The centre crop at the picture's own size is the picture's own pixels; nothing is blended at any size."""
    width, height = size
    pixels = np.random.default_rng(0).choice([3, 200], (height, width)).astype(np.uint8)
    short = min(size)
    same = ImagePreprocess(min(short, 8), short, "bilinear", (0.5,) * 3, (0.2,) * 3)
    picture, mask = same.crop(Image.fromarray(pixels).convert("RGB")), same.crop_mask(Image.fromarray(pixels))
    if max(size) <= 16 * short:
        assert np.array_equal(np.asarray(picture)[..., 0], np.asarray(mask))
    assert {*np.unique(np.asarray(PICTURES.crop_mask(Image.fromarray(pixels)))).tolist()} <= {3, 200}


def test_texts_have_no_masks() -> None:
    with pytest.raises(TLError, match="moves no masks or boxes"):
        option("text").sample_with_overlay(*drawn(), TEXTS)


BOX = (30, 6, 54, 24)
FITS: list[Fit] = ["crop", "whole", "letterbox"]


def white_box(size: tuple[int, int] = (72, 40)) -> tuple[Image.Image, Any]:
    """A white rectangle on black, and its box."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    return Image.fromarray(pixels), boxes_on([BOX], size)


def bright(image: Image.Image) -> list[float]:
    """The sides of what is white in a picture."""
    rows, columns = np.nonzero(np.asarray(image)[..., 0] > 127)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def sides(boxes: Any) -> list[float]:
    """The sides of a box, cut at the edge of its picture."""
    height, width = boxes.canvas_size
    return boxes.as_subclass(torch.Tensor)[0].clamp(torch.zeros(4), torch.tensor([width, height] * 2)).tolist()


@pytest.mark.parametrize(
    "changes",
    [{}, {"flip": 1.0}, {"vertical_flip": 1.0}, {"crop": 0.6}, {"crop": 0.6, "flip": 0.5, "vertical_flip": 0.5}],
)
@pytest.mark.parametrize("fit", FITS)
def test_the_box_is_where_its_rectangle_is(changes: dict[str, Any], fit: Fit) -> None:
    augment = option("image", **{**NOTHING, **changes})
    preprocess = ImagePreprocess(64, 70, "bilinear", (0.0,) * 3, (0.2,) * 3, fit)
    for seed in range(6):
        with seeded(seed):
            image, moved = augment.sample_with_overlay(*white_box(), preprocess)
        assert sides(moved) == pytest.approx(bright(image), abs=1.2)
        assert moved.canvas_size == (64, 64)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(72, 40), (61, 73), (72, 31), (200, 64), (55, 480)])
def test_the_crop_of_a_box_is_where_its_rectangle_is(size: tuple[int, int], fit: Fit) -> None:
    preprocess = ImagePreprocess(96, 101, "bilinear", (0.0,) * 3, (0.2,) * 3, fit)
    image, boxes = white_box(size)
    seen = preprocess.crop(image)
    assert seen.size == (96, 96)
    if np.asarray(seen).max() > 127:
        scale = 96 / min(size)
        assert sides(cropped(boxes, preprocess)) == pytest.approx(bright(seen), abs=1 + 0.6 * scale / 2)


def test_a_turned_box_is_the_upright_one_around_it() -> None:
    with seeded(0):
        image, moved = option("image", **{**NOTHING, "rotate": 30.0}).sample_with_overlay(*white_box(), PICTURES)
    found, seen = sides(moved), bright(image)
    assert all(one <= other + 1 for one, other in zip(found[:2], seen[:2], strict=True))
    assert all(one >= other - 1 for one, other in zip(found[2:], seen[2:], strict=True))


def test_boxes_are_those_of_a_picture_that_is_decoded_smaller() -> None:
    found = on_picture(white_box()[1], (36, 20))
    assert found.as_subclass(torch.Tensor).tolist() == [[15.0, 3.0, 27.0, 12.0]]
    assert found.canvas_size == (20, 36)


def test_no_part_of_a_letterboxed_picture_is_left_out_and_bars_have_the_mean_colour() -> None:
    preprocess = ImagePreprocess(60, 64, "bilinear", (0.5, 0.25, 0.0), (0.2,) * 3, "letterbox")
    seen = np.asarray(preprocess.crop(Image.new("RGB", (40, 20), "white")))
    assert (seen[15:45] == 255).all()
    assert {*map(tuple, [*seen[:15].reshape(-1, 3), *seen[45:].reshape(-1, 3)])} == {(128, 64, 0)}
    assert preprocess.frame((40, 20)) == (0.0, 15.0, 60.0, 45.0)
    assert not np.asarray(preprocess.crop_mask(Image.new("L", (40, 20), 9)))[:15].any()
