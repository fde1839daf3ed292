"""Pictures and masks in folders: which belong together, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.built import option
from tl.components.data.base import data_fingerprint
from tl.components.data.mask_folder import MaskFolder
from tl.components.data.masks import Mask
from tl.components.sample import Sample, Samples
from tl.errors import TLError

NUCLEI = {"background": 0, "cell": 1}


def write(folder: Path, name: str, mask: Any = ((0, 1, 1), (0, 0, 255)), size: tuple[int, int] = (3, 2)) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(folder / "images" / f"{name}.jpg")
    if mask is not None:
        Image.fromarray(np.array(mask, np.uint8)).save(folder / "masks" / f"{name}.png")


def source(root: Path, **changes: Any) -> MaskFolder:
    made = option("data", "mask_folder", root=str(root), **changes)
    assert isinstance(made, MaskFolder)
    return made


def mask(sample: Sample) -> Mask:
    assert isinstance(sample.target, Mask)
    return sample.target


def test_pictures_and_masks_of_the_same_name_belong_together(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b", ((0, 0, 0), (0, 0, 0)))
    one, two = source(tmp_path, pixels=NUCLEI).read()
    assert (one.id, one.split, mask(one).names) == ("images/a.jpg", None, ("background", "cell"))
    assert mask(two).names == ("background",)
    assert np.asarray(mask(one).image(("cell", "background"))).tolist() == [[2, 1, 1], [2, 2, 0]]
    assert np.asarray(mask(one).of_classes(["cell"]).image(("cell",))).tolist() == [[0, 1, 1], [0, 0, 0]]


def test_without_pixels_each_number_is_a_class(tmp_path: Path) -> None:
    write(tmp_path, "a")
    assert mask(source(tmp_path).read()[0]).names == ("0", "1")
    assert mask(source(tmp_path, ignore=None).read()[0]).names == ("0", "1", "255")


def test_a_palette_holds_numbers_too(tmp_path: Path) -> None:
    write(tmp_path, "a")
    coloured = Image.fromarray(np.array([[0, 1, 1], [0, 0, 0]], np.uint8), "P")
    coloured.putpalette([9, 9, 9, 200, 0, 0])
    coloured.save(tmp_path / "masks" / "a.png")
    assert mask(source(tmp_path, pixels=NUCLEI).read()[0]).names == ("background", "cell")


def test_folders_are_splits(tmp_path: Path) -> None:
    write(tmp_path / "train", "a")
    write(tmp_path / "valid", "a")
    write(tmp_path / "more", "a", None)
    found = source(tmp_path).read()
    assert [(s.split, s.target is None) for s in found] == [("more", True), ("train", False), ("val", False)]


@pytest.mark.parametrize("rotated", [1, 6])
def test_a_mask_has_the_size_of_the_upright_picture(tmp_path: Path, rotated: int) -> None:
    write(tmp_path, "a", size=(3, 2) if rotated == 1 else (2, 3))
    exif = Image.Exif()
    exif[0x0112] = rotated
    file = tmp_path / "images" / "a.jpg"
    Image.open(file).save(file, exif=exif)
    assert len(source(tmp_path).read()) == 1


def test_the_fingerprint_is_of_the_masks_content_not_of_its_path(tmp_path: Path) -> None:
    prints = []
    for folder, value in (("a", 1), ("b", 1), ("c", 0)):
        write(tmp_path / folder, "x", ((0, value, 1), (0, 0, 255)))
        prints.append(data_fingerprint({"train": Samples.of(source(tmp_path / folder).read())}))
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    "mask, size, changes, message",
    [
        (((0, 7, 1), (9, 0, 0)), (3, 2), {"pixels": NUCLEI}, r"a\.png: the mask holds 7, 9, but data\.pixels knows "
         r"background: 0, cell: 1, and data\.ignore is 255: add"),
        (((0, 1),), (3, 2), {}, r"a\.png: the mask has 2 x 1 pixels, but its picture .*a\.jpg has 3 x 2: save"),
        (((0, 1),), (1, 2), {}, r"a\.png: the mask has 2 x 1 pixels, but its picture .* 1 x 2"),
        (np.zeros((2, 3, 3)), (3, 2), {}, r"a\.png: a mask has one whole number for each pixel, not colours"),
        (None, (3, 2), {}, r"a\.jpg: its mask .*masks/a\.png is missing: add it"),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit_are_refused_or_skipped(
    tmp_path: Path, mask: Any, size: tuple[int, int], changes: dict[str, Any], message: str
) -> None:
    write(tmp_path, "a", mask, size)
    write(tmp_path, "b")
    with pytest.raises(TLError, match=message):
        source(tmp_path, **changes).read()
    lenient = source(tmp_path, on_error="skip", **changes)
    assert [sample.id for sample in lenient.read()] == ["images/b.jpg"]
    assert re.search(message, lenient.skipped[0])


def test_a_mask_that_is_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "masks" / "a.png").write_bytes(b"no picture")
    with pytest.raises(TLError, match=r"a\.png: is no PNG, TIFF or BMP"):
        source(tmp_path).read()


def test_a_mask_that_changes_later_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (sample,) = source(tmp_path).read()
    write(tmp_path, "a", ((1, 1, 1), (1, 1, 1)))
    with pytest.raises(TLError, match=r"a\.png: the mask changed while the run read it"):
        mask(sample).image(("0", "1"))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"pixels": {"a": 255, "b": 0}}, r"data\.ignore=255 is also the number of 'a' in data\.pixels"),
        ({"pixels": {"a": 1, "b": 1}}, r"data\.pixels gives one number to two classes"),
        ({"pixels": {str(i): i for i in range(255)}}, r"data\.pixels: 255 classes, but a mask has 254 at most"),
    ],
)
def test_options_that_contradict_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TLError, match=message):
        source(tmp_path, **changes)


def test_folders_that_hold_no_pictures_with_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TLError, match=r"there is no such folder"):
        source(tmp_path / "none").read()
    with pytest.raises(TLError, match=r"holds neither folders 'images' and 'masks'"):
        source(tmp_path).read()
    (tmp_path / "images").mkdir()
    with pytest.raises(TLError, match=r"its folder 'images' holds no picture"):
        source(tmp_path).read()


def test_masks_without_pictures_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    (tmp_path / "images" / "b.jpg").unlink()
    found = source(tmp_path)
    assert len(found.read()) == 1
    assert "1 mask has no picture, such as b.png." in found.notes[0]


def test_to_predict_no_mask_is_needed(tmp_path: Path) -> None:
    write(tmp_path, "a", None)
    found = source(tmp_path)
    found.purpose = "prediction"
    assert [sample.target for sample in found.read()] == [None]


def test_a_mask_of_huge_numbers_takes_no_memory_for_them(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "masks" / "a.png").unlink()
    Image.fromarray(np.array([[0, 1, 2**31 - 1], [0, 0, 0]], np.int32), "I").save(tmp_path / "masks" / "a.tif")
    with pytest.raises(TLError, match=r"a\.tif: the mask holds 2147483647, but numbers go up to 65535: number the"):
        source(tmp_path).read()


def test_a_mask_of_another_size_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a", ((0, 1), (0, 0)))
    monkeypatch.setattr("tl.components.data.masks._values", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(TLError, match=r"the mask has 2 x 2 pixels, but its picture .* has 3 x 2"):
        source(tmp_path).read()
