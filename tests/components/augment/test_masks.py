"""A mask is moved with its picture: a picture whose red is its mask's number keeps that after every augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.augment.samples import PICTURES, TEXTS, option
from tl.components.preprocess import ImagePreprocess
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
            image, mask = augment.sample_with_mask(*drawn(), PICTURES)
        with seeded(seed):
            alone = augment.sample(drawn()[0], PICTURES)
        assert np.array_equal(np.asarray(image), np.asarray(alone))  # the picture is that of training without masks
        grey, classes = np.asarray(image)[..., 0].astype(int), np.asarray(mask).astype(int)
        assert (abs(grey - 10 * classes) <= 5).mean() > 0.6  # blocks' edges are blended in the picture
        assert abs(np.median(grey - 10 * classes)) <= 1


def test_corners_that_a_rotation_leaves_empty_are_not_judged() -> None:
    with seeded(3):
        image, mask = option("image", **{**NOTHING, "rotate": 45.0}).sample_with_mask(*drawn(), PICTURES)
    grey, classes = np.asarray(image)[..., 0].astype(int), np.asarray(mask).astype(int)
    known = classes > 0
    assert 0.5 < known.mean() < 1
    assert not known[0, 0] or not known[0, -1]
    assert (abs(grey - 10 * classes)[known] <= 5).mean() > 0.4


def test_colours_leave_the_mask_as_it_is() -> None:
    with seeded(1):
        image, mask = option("image", **{**NOTHING, "color": 0.5, "grayscale": 0.5}).sample_with_mask(
            *drawn(), PICTURES
        )
    plain, same = option("none").sample_with_mask(*drawn(), PICTURES)
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
    with pytest.raises(TLError, match="moves no mask"):
        option("text").sample_with_mask(*drawn(), TEXTS)
