"""The crop of a thin picture costs what is kept; preprocessing that no picture fits is refused where it is made."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tl.components.preprocess import ImagePreprocess
from tl.components.preprocess_file import fingerprint, from_json, to_json
from tl.errors import TLError

HALF = (0.5, 0.5, 0.5)


def whole_then_cropped(image: Image.Image, made: ImagePreprocess) -> Image.Image:
    """The definition: resize the whole image, then crop."""
    from torchvision.transforms.v2 import functional as F

    resized = F.resize(image, [made.resize], interpolation=made.interpolation_mode, antialias=True)
    return F.center_crop(resized, [made.size, made.size])


@pytest.mark.parametrize("filter_", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size, resize", [(24, 28), (32, 32), (30, 20), (400, 20)])
@pytest.mark.parametrize("shape", [(170, 10), (10, 170), (1001, 3), (1, 400), (640, 39), (1600, 100), (2000, 90)])
def test_a_thin_picture_is_cropped_as_the_whole_would_be(
    shape: tuple[int, int], size: int, resize: int, filter_: Any
) -> None:
    made = ImagePreprocess(size, resize, filter_, HALF, HALF)
    noise = np.random.default_rng(0).integers(0, 256, (shape[1], shape[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    found, expected = (np.asarray(crop, int) for crop in (made.crop(image), whole_then_cropped(image, made)))
    # Of 255. Pillow may take the two directions in another order, and cuts what overshoots in between.
    assert np.abs(found - expected).mean() < 1
    assert np.abs(found - expected).max() <= 20


@pytest.mark.parametrize("shape", [(64, 48), (160, 10), (10, 160)])
def test_any_other_picture_is_cropped_as_ever(shape: tuple[int, int]) -> None:
    made = ImagePreprocess(24, 28, "bicubic", HALF, HALF)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    assert made.crop(image).tobytes() == whole_then_cropped(image, made).tobytes()


def test_the_cost_of_a_thin_picture_is_bounded() -> None:
    """Pillow counts no memory that one could ask for, so what it is asked to make is looked at."""
    made, sizes = ImagePreprocess(224, 256, "bicubic", HALF, HALF), []
    resize = Image.Image.resize
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "resize", lambda self, size, *rest: sizes.append(size) or resize(self, size, *rest))
        assert made.crop(Image.new("RGB", (65_535, 1), "red")).getpixel((100, 100)) == (255, 0, 0)
    assert sizes == [(224, 256)]


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"mean": (0.5,)}, "mean and std have 1 and 3 values, but pictures have 3 channels"),
        ({"std": (0.5,) * 4}, "mean and std have 3 and 4 values"),
        ({"std": (0.5, 0, 0.5)}, "must be finite, and std not 0"),
        ({"mean": (0.5, math.nan, 0.5)}, "must be finite"),
        ({"size": 0}, "size=0, but a side has 1 to 16384 pixels"),
        ({"resize": 20_000}, "resize=20000, but a side has 1 to 16384 pixels"),
    ],
)
def test_what_no_picture_fits_is_neither_made_nor_read(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    facts: dict[str, Any] = {"size": 24, "resize": 28, "interpolation": "bilinear", "mean": HALF, "std": HALF}
    with pytest.raises(TLError, match=said):
        ImagePreprocess(**{**facts, **changes})
    file = tmp_path / "preprocess.json"
    file.write_text(to_json(ImagePreprocess(**facts)))
    assert from_json(file) == ImagePreprocess(**facts)
    file.write_text(json.dumps({"modality": "image", **facts, **changes}))
    with pytest.raises(TLError, match="is damaged"):
        from_json(file)


@pytest.mark.parametrize("fit", ["crop", "whole", "letterbox"])
def test_how_a_picture_is_fitted_is_kept_with_the_weights(fit: Any, tmp_path: Path) -> None:
    made = ImagePreprocess(24, 28, "bilinear", HALF, HALF, fit)
    file = tmp_path / "preprocess.json"
    file.write_text(to_json(made))
    assert from_json(file) == made
    assert "24" in made.lines()[0]
    others = {fingerprint(ImagePreprocess(24, 28, "bilinear", HALF, HALF, other)) for other in ("crop", "whole")}
    assert (fingerprint(made) in others) == (fit != "letterbox")


def test_the_hash_of_a_centre_crop_is_that_of_runs_from_before_there_was_a_choice() -> None:
    made = ImagePreprocess(24, 28, "bilinear", HALF, HALF)
    facts = {"modality": "image", "size": 24, "resize": 28, "interpolation": "bilinear", "mean": HALF, "std": HALF}
    assert json.loads(to_json(made)) == json.loads(json.dumps(facts))
    written = json.dumps({**facts, "least": 56}, sort_keys=True)
    assert fingerprint(made) == hashlib.sha256(written.encode()).hexdigest()[:16]
