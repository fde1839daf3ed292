"""Large JPEGs are decoded at a half, a quarter or an eighth of their size, which hardly changes the crops."""

from __future__ import annotations

import io
import math
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from tests.components.augment.samples import PICTURES
from tests.tasks import task_of
from tl.components.augment.base import Augment
from tl.components.picture import open_image
from tl.components.preprocess import ImagePreprocess
from tl.components.preprocess_file import fingerprint
from tl.components.sample import Picture, Sample
from tl.inputs.items import CroppedPictures, Items
from tl.inputs.streams import Draw
from tl.space import Space

EVALUATION = ImagePreprocess(224, 256, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
ORIENTATION = 0x0112


def scene(width: int, height: int) -> Image.Image:
    """An image with edges at every scale, as a photograph has: enlarged noise over finer noise."""
    random_numbers = np.random.default_rng(width * height)
    total = np.zeros((height, width, 3))
    for cell in (256, 64, 16, 4):
        small = random_numbers.integers(0, 256, (height // cell + 2, width // cell + 2, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
        total += np.asarray(large, np.float64) * cell
    return Image.fromarray((total / 340).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> Picture:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return Picture("made", "made", partial(bytes, stream.getvalue()))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def whole(picture: Picture) -> Image.Image:
    """The picture as Pillow alone decodes it, at its whole size."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(picture.read())).convert("RGB"))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(2400, 1600), (1500, 4500)])
def test_a_large_jpeg_looks_as_if_it_were_decoded_whole(size: tuple[int, int], orientation: int) -> None:
    image = Image.open(io.BytesIO(saved(scene(*size), exif=turned(orientation)).read()))
    picture = saved(image, quality=90, exif=turned(orientation))
    reduced, full = open_image(picture, EVALUATION.min_side), whole(picture)
    assert reduced.width * 2 <= full.width
    assert reduced.width / reduced.height == pytest.approx(full.width / full.height, rel=0.01)
    difference = np.abs(pixels(EVALUATION.crop(reduced)) - pixels(EVALUATION.crop(full)))
    assert difference.mean() < 2
    other = pixels(EVALUATION.crop(full.rotate(180)))
    assert np.abs(other - pixels(EVALUATION.crop(full))).mean() > 10


def test_the_short_side_stays_at_least_twice_what_evaluation_resizes_it_to() -> None:
    draw = random.Random(0)
    sizes = [(draw.randint(1, 1500), draw.randint(1, 1500)) for _ in range(150)]
    sizes += [(2 * n + d, 2 * n + e) for n in (64, 128, 256, 512) for d in (-1, 0, 1) for e in (-1, 0, 1)]
    for number, (width, height) in enumerate(sizes):
        min_side = draw.choice((64, 100, 128))
        exif = turned(number % 8 + 1)
        found = open_image(saved(Image.new("RGB", (width, height)), exif=exif), min_side)
        if exif[ORIENTATION] > 4:
            width, height = height, width
        # The definition, computed by hand: the largest reduction that leaves at least min_side pixels.
        scale = max(s for s in (1, 2, 4, 8) if s == 1 or min(width, height) / s >= min_side)
        assert found.size == (math.ceil(width / scale), math.ceil(height / scale))
        assert min(found.size) >= min(min_side, width, height)


@pytest.mark.parametrize("size", [(40, 30), (511, 900), (1023, 1023), (1024, 1023)])
def test_a_small_jpeg_is_decoded_whole(size: tuple[int, int]) -> None:
    picture = saved(scene(*size))
    assert open_image(picture, EVALUATION.min_side).tobytes() == whole(picture).tobytes()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF"])
def test_other_files_are_decoded_whole(kind: str) -> None:
    picture = saved(scene(1400, 1300), kind)
    assert open_image(picture, 100).tobytes() == whole(picture).tobytes()


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printers_jpegs_are_reduced_too(mode: str) -> None:
    picture = saved(scene(1400, 1200).convert(mode))
    found = open_image(picture, 256)
    assert (found.size, found.mode) == ((350, 300), "RGB")
    small = whole(picture).resize(found.size, Image.Resampling.BOX)
    assert np.abs(pixels(found) - pixels(small)).mean() < 3


def test_a_phones_file_of_several_pictures_gives_the_first() -> None:
    picture = saved(scene(1400, 1200), "MPO", save_all=True, append_images=[Image.new("RGB", (1400, 1200))])
    small = whole(picture).resize((350, 300), Image.Resampling.BOX)
    assert np.abs(pixels(open_image(picture, 256)) - pixels(small)).mean() < 3


def test_training_evaluation_and_the_cache_see_the_same(tmp_path: Path) -> None:
    """No augmentation, an augmentation that changes nothing, and cached crops all start from the reduced picture."""
    from tests.built import option

    path = tmp_path / "a.jpg"
    scene(900, 700).save(path)
    samples = [Sample("a", path, "a", "here")]
    still: Augment = option("augment", "none")
    draw = [Draw(0, 1)]

    def read(augment: Augment | None) -> Tensor:
        (batch,) = Items(samples, task_of(Space("single", ("a", "b"))), PICTURES, augment).batches(iter([draw]))
        return batch.x.values[0]

    (crops,) = CroppedPictures(Items(samples, task_of(Space("single", ("a", "b"))), PICTURES)).batches(iter([draw]))
    expected = PICTURES.tensor(PICTURES.crop(open_image(path, PICTURES.min_side)))
    assert not torch.equal(expected, PICTURES.tensor(PICTURES.crop(open_image(path))))
    assert torch.equal(read(None), expected)
    assert torch.equal(read(still), expected)
    assert torch.equal(PICTURES.normalise(crops.x.values[0]), expected)


def test_the_fingerprint_tells_how_pictures_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(EVALUATION)
    monkeypatch.setattr(ImagePreprocess, "min_side", 3 * EVALUATION.resize)
    assert fingerprint(EVALUATION) != before
