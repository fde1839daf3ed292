from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tl.commands.contact_sheet import GAP, LABEL, augmented_images, augmented_texts, contact_sheet, picture
from tl.components.augment.base import Augment
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.yamlfile import read

PREPROCESS = ImagePreprocess(size=24, resize=28, interpolation="bilinear", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
TEXTS = TextPreprocess(tokenizer="{}", max_length=8, pad_id=0)


def option(name: str, **changes: Any) -> Augment:
    made: Augment = build(Node("augment", name, read(options("augment")[name].yaml).values | changes))
    return made


def noise(seed: int) -> Image.Image:
    pixels = torch.randint(0, 256, (30, 40, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def test_undoing_the_normalisation_gives_back_every_level() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(16, 16, 1).expand(-1, -1, 3)
    image = Image.fromarray(levels.contiguous().numpy())
    assert picture(PREPROCESS.tensor(image), PREPROCESS).tobytes() == image.tobytes()


def test_the_first_view_is_what_evaluation_sees_and_all_are_without_augmentation() -> None:
    image = noise(0)
    (row,) = augmented_images([image], option("none"), PREPROCESS, seed=0, k=2)
    assert [view.tobytes() for view in row] == [PREPROCESS.crop(image).tobytes()] * 3


def test_views_depend_on_the_seed_alone_and_leave_the_generator() -> None:
    images, augment, state = [noise(0), noise(1)], option("image"), torch.get_rng_state()

    def drawn(seed: int) -> list[list[bytes]]:
        return [[view.tobytes() for view in row] for row in augmented_images(images, augment, PREPROCESS, seed, 3)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(len(set(row)) == 4 for row in drawn(1))


def test_erased_rectangles_are_shown_in_the_mean_colour() -> None:
    ((_, view),) = augmented_images(
        [Image.new("RGB", (28, 28), "white")], option("image", crop=None, flip=0.0, erase=1.0), PREPROCESS, 0, 1
    )
    assert {color for _, color in view.getcolors()} == {(102, 128, 153), (255, 255, 255)}


def test_mixup_blends_the_rows_with_one_another() -> None:
    black, white = (Image.new("RGB", (28, 28), color) for color in ("black", "white"))
    rows = augmented_images([black, white], option("image", crop=None, flip=0.0, mixup=1.0), PREPROCESS, 0, 4)
    for above, below in zip(*(row[1:] for row in rows), strict=True):
        sums = np.asarray(above).astype(int) + np.asarray(below)
        assert sums.min() >= 254
        assert sums.max() <= 256
        assert 0 < np.asarray(above).max() < 255


def test_lines_of_a_text_start_with_the_text() -> None:
    shown = augmented_texts("a b c d e f g h", option("text", word_dropout=0.5), TEXTS, seed=0, k=3)
    assert shown[0] == "a b c d e f g h"
    assert len(shown) == 4
    assert len(set(shown)) == 4


@pytest.mark.parametrize("side,cell", [(24, 96), (72, 144), (100, 100), (192, 192), (224, 192)])
def test_the_sheet_has_a_row_for_each_caption(tmp_path: Path, side: int, cell: int) -> None:
    rows = [[Image.new("RGB", (side, side), color)] * 3 for color in ("red", "lime")]
    contact_sheet(rows, ["one", "zwölf 日本"], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (GAP + 3 * (cell + GAP), GAP + 2 * (LABEL + cell + GAP))
        middle = GAP + cell + GAP + cell // 2
        for i, color in enumerate([(255, 0, 0), (0, 255, 0)]):
            assert sheet.getpixel((middle, GAP + i * (LABEL + cell + GAP) + LABEL + cell // 2)) == color


def test_a_sheet_written_twice_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        contact_sheet([[noise(0)]], ["row"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
