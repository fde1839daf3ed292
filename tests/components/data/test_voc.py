"""Folders of PASCAL VOC: layouts, lists of splits, and what is said of files that do not fit their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.built import option
from tests.tasks import load_data
from tests.user_data import boxes
from tl.components.data.boxes import Box, Boxes
from tl.components.data.voc import Voc
from tl.errors import TLError


def source(root: Path, **changes: Any) -> Voc:
    made = option("data", "voc", root=str(root), **changes)
    assert isinstance(made, Voc)
    return made


def thing(name: str = "cat", sides: tuple[Any, ...] = (11, 6, 30, 25), more: str = "") -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    inner = "".join(f"<{key}>{side}</{key}>" for key, side in zip(keys, sides, strict=True))
    return f"<object>\n<name>{name}</name>{more}\n<bndbox>{inner}</bndbox>\n</object>\n"


def write(folder: Path, name: str, *things: str, size: str = "", picture: tuple[int, int] = (40, 30)) -> None:
    """A picture and its file, in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", picture).save(folder / f"{name}.png")
    (folder / f"{name}.xml").write_text(f"<annotation>\n{size}{''.join(things)}</annotation>")


def read_one(root: Path, **changes: Any) -> Boxes:
    (sample,) = source(root, **changes).read()
    assert isinstance(sample.target, Boxes)
    return sample.target


def test_the_first_pixel_is_number_1_and_the_last_one_is_in_the_box(tmp_path: Path) -> None:
    write(tmp_path, "a", thing())
    assert read_one(tmp_path) == Boxes((40, 30), (Box(10, 5, 30, 25, "cat"),))
    assert read_one(tmp_path, first_pixel=0).boxes == (Box(11, 6, 30, 25, "cat"),)


def test_difficult_boxes_are_not_judged_and_a_picture_may_be_empty(tmp_path: Path) -> None:
    write(tmp_path, "a", thing(more="<difficult>1</difficult>"), thing("dog", more="<difficult>0</difficult>"))
    assert [box.judged for box in read_one(tmp_path).boxes] == [False, True]
    write(tmp_path, "a")
    assert read_one(tmp_path).boxes == ()


def test_lists_say_the_splits_and_what_they_do_not_name_is_not_read(tmp_path: Path) -> None:
    boxes(tmp_path)
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for split, names in {
        "train": range(14),
        "val": range(14, 18),
        "test": range(18, 22),
        "trainval": range(18),
    }.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    made = source(tmp_path)
    found = made.read()
    assert [sample.split for sample in found] == ["train"] * 14 + ["val"] * 4 + ["test"] * 4
    assert found[0].id == "JPEGImages/0.png"
    assert "2 pictures are in no list and not read, such as 22." in made.notes[0]
    (lists / "train.txt").unlink()
    (lists / "val.txt").unlink()
    assert [sample.split for sample in source(tmp_path).read()].count("train") == 18
    (lists / "val.txt").write_text("18\n")
    with pytest.raises(TLError, match=r"test\.txt:1: '18' is also in .*val\.txt:1: keep one"):
        source(tmp_path).read()
    (lists / "val.txt").write_text("\nnone\n")
    with pytest.raises(TLError, match=r"val\.txt:2: there is no picture 'none' in .*JPEGImages: add it"):
        source(tmp_path).read()


def test_folders_may_be_splits_with_pictures_beside_their_files(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for number in range(3):
            write(tmp_path / split, f"{split}{number}", thing())
    found = source(tmp_path).read()
    assert [sample.split for sample in found] == ["train"] * 3 + ["val"] * 3
    assert found[0].id == "train/train0.png"


def test_pictures_that_name_no_split_are_divided_and_empty_ones_kept(tmp_path: Path) -> None:
    boxes(tmp_path)
    data = load_data(source(tmp_path))
    assert sum(len(samples) for samples in data.splits.values()) == 24
    assert data.space.names == ("disc", "square")
    empty = [s for samples in data.splits.values() for s in samples if not s.target.boxes]  # type: ignore[union-attr]
    assert len(empty) == 6


def test_notes_and_errors_name_the_line(tmp_path: Path) -> None:
    write(tmp_path, "a", thing(), thing(sides=(11, 6, 60, 25)))
    made = source(tmp_path)
    made.read()
    assert made.notes[0].startswith("1 box reaches beyond its picture and is cut at the edge, such as ")
    assert made.notes[0].endswith("a.xml:6.")


@pytest.mark.parametrize(
    "things, size, said",
    [
        ((thing(sides=(31, 6, 30, 25)),), "", r"a\.xml:2: the box of 'cat' .* has no area"),
        ((thing(), thing(sides=(60, 6, 70, 25))), "", r"a\.xml:6: the box of 'cat' .* lies outside of its picture"),
        ((thing(sides=("wide", 6, 30, 25)),), "", r"a\.xml:4: 'wide' is no number: mend it"),
        (("<object><name>cat</name></object>",), "", r"a\.xml:2: the object has no <bndbox> with xmin"),
        ((thing(name=" "),), "", r"a\.xml:2: the object has no <name>: add its class"),
        ((), "<size><width>30</width><height>40</height></size>\n", r"a\.xml:2: the boxes are of a picture of 30 x 40 "
         r"pixels, but the upright picture has 40 x 30: mend the file"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(things: tuple[str, ...], size: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, "a", *things, size=size)
    with pytest.raises(TLError, match=said):
        source(tmp_path).read()
    write(tmp_path, "b", thing())
    skipping = source(tmp_path, on_error="skip")
    assert [sample.id for sample in skipping.read()] == ["b.png"]
    assert len(skipping.skipped) == 1


def test_a_size_that_is_not_known_is_no_other_size(tmp_path: Path) -> None:
    write(tmp_path, "a", thing(), size="<size><width>0</width><height>0</height></size>")
    assert read_one(tmp_path).size == (40, 30)


def test_a_missing_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, "a", thing())
    (tmp_path / "a.xml").unlink()
    with pytest.raises(TLError, match=r"a\.png: its XML file .*a\.xml is missing: add it, without objects where"):
        source(tmp_path).read()
    with pytest.raises(TLError, match="there is no such folder"):
        source(tmp_path / "none").read()
    (tmp_path / "a.png").unlink()
    with pytest.raises(TLError, match="holds no picture with an XML file"):
        source(tmp_path).read()


def test_to_predict_no_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a", "<broken")
    made = source(tmp_path)
    made.purpose = "prediction"
    assert [sample.target for sample in made.read()] == [None]


def test_another_file_than_one_of_voc_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "a.xml").write_text("<html/>")
    with pytest.raises(TLError, match="is no VOC file: it begins with <html>"):
        source(tmp_path).read()


def test_a_class_that_only_a_skipped_picture_has_is_not_lost_silently(tmp_path: Path) -> None:
    write(tmp_path, "a", thing())
    write(tmp_path, "b", thing(), thing("dog", sides=(11, 6, 5, 2)))
    made = source(tmp_path, on_error="skip")
    assert [sample.id for sample in made.read()] == ["a.png"]
    assert made.skipped_classes == {"cat", "dog"}


def test_boxes_at_pixel_0_are_told_where_pixels_count_from_1(tmp_path: Path) -> None:
    write(tmp_path, "a", thing(sides=(0, 6, 30, 25)), thing("dog", sides=(3, 0, 9, 9)), thing())
    made = source(tmp_path)
    made.read()
    (note,) = [note for note in made.notes if "pixel 0" in note]
    assert note.startswith("2 boxes begin at pixel 0, such as ")
    assert "set data.first_pixel=0 where the files count from 0" in note
    counted = source(tmp_path, first_pixel=0)
    counted.read()
    assert not counted.notes
