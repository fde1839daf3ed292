"""Files of COCO: what they say of pictures and boxes, and what is said of entries that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.built import option
from tests.tasks import load_data
from tests.user_data import boxes
from tl.commands.other_data import open_other
from tl.components.data.boxes import Box, Boxes
from tl.components.data.coco import Coco
from tl.components.data.voc import Voc
from tl.errors import TLError
from tl.recipe.recipe import load

Change = Callable[[dict[str, Any]], object]


def source(file: Path, **changes: Any) -> Coco:
    made = option("data", "coco", file=str(file), **changes)
    assert isinstance(made, Coco)
    return made


def content() -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}, {"id": 8, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 5, 20, 20]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [1.5, 2.5, 3, 4], "iscrowd": 1},
        ],
    }


def written(folder: Path, change: Change = lambda content: None) -> Path:
    for name in ("a", "b"):
        Image.new("RGB", (40, 30)).save(folder / f"{name}.png")
    listed, file = content(), folder / "boxes.json"
    change(listed)
    file.write_text(json.dumps(listed))
    return file


def test_boxes_are_read_with_their_classes_crowds_and_empty_pictures(tmp_path: Path) -> None:
    one, two = source(written(tmp_path)).read()
    assert one.target == Boxes((40, 30), (Box(10, 5, 30, 25, "dog"), Box(1.5, 2.5, 4.5, 6.5, "cat", judged=False)))
    assert two.target == Boxes((40, 30), ())
    assert (one.id, one.split) == ("a.png", None)
    assert one.where.endswith("boxes.json: images[0]")


def test_files_of_splits_may_name_the_same_picture_names(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        written(tmp_path / split)
    files = {split: str(tmp_path / split / "boxes.json") for split in ("train", "val")}
    found = option("data", "coco", files=files).read()
    assert [(s.id, s.split) for s in found] == [(f"{s}/{n}.png", s) for s in ("train", "val") for n in ("a", "b")]
    with pytest.raises(TLError, match=r"data\.file: give either this, or data\.files"):
        option("data", "coco", files=files, file="a.json")


def test_the_same_pictures_have_the_same_boxes_in_either_form(tmp_path: Path) -> None:
    boxes(tmp_path)
    coco = source(tmp_path / "coco.json", images=str(tmp_path / "JPEGImages"))
    voc = option("data", "voc", root=str(tmp_path))
    assert isinstance(voc, Voc)
    assert load_data(coco).splits["train"].targets.counts().keys() == {
        sample.target for sample in voc.read() if Path(sample.id).name in {*load_data(coco).splits["train"].ids}
    }
    of_voc = {Path(sample.id).name: sample.target for sample in voc.read()}
    assert of_voc == {sample.id: sample.target for sample in coco.read()}


def box(**changes: Any) -> Change:
    return lambda listed: listed["annotations"][1].update(changes)


@pytest.mark.parametrize(
    "change, said",
    [
        (box(bbox=[1, 2, 0, 4]), r"boxes\.json: annotations\[1\]: the box of 'cat' .* has no area: mend"),
        (box(bbox=[1, 2, 3]), r"annotations\[1\]: \[1, 2, 3\] is no box: write bbox: \[left, top, width, height\]"),
        (box(bbox=[1, 2, 3, True]), "is no box"),
        (box(bbox=[1, 2, 3, "4"]), "is no box"),
        (box(bbox=None), "null is no box"),
        (box(bbox=[1, 2, float("nan"), 4]), "has a side that is no number"),
        (box(bbox=[1, 2, 10**400, 4]), "has a side that is no number"),
        (box(bbox=[90, 2, 3, 4]), "lies outside of its picture"),
        (box(category_id=2), r"annotations\[1\]: no entry of 'categories' has the id 2: add its class"),
        (box(category_id="5"), r"annotations\[1\]: 'category_id' must be a whole number, not \"5\""),
        (box(image_id=9), r"annotations\[1\]: no entry of 'images' has the id 9: mend it"),
        (lambda listed: listed["categories"][0].update(name=" "), "'name' must be a text"),
        (lambda listed: listed["categories"][1].update(id=1), r"categories\[1\]: the id 1 is there twice"),
        (lambda listed: listed["images"][1].update(id=7), r"images\[1\]: the id 7 is there twice"),
        (lambda listed: listed["images"][1].update(file_name="a.png"), r"images\[1\]: 'a\.png' is also images\[0\]"),
        (lambda listed: listed["images"][1].update(file_name="../a.png"), "leads out of the folder of pictures"),
        (lambda listed: listed["images"][1].update(file_name="/etc/passwd"), "leads out of the folder of pictures"),
        (lambda listed: listed["images"][1].update(file_name="c.png"), r"images\[1\]: there is no picture .*c\.png"),
        (lambda listed: listed["images"][1].update(file_name="c" * 5000), r"images\[1\]: "),
        (lambda listed: listed["images"][0].update(width=30, height=40), r"images\[0\]: the boxes are of a picture of "
         r"30 x 40 pixels, but the upright picture .*a\.png has 40 x 30"),
        (lambda listed: listed.pop("categories"), r"has no list 'categories' \(its keys: images, annotations\)"),
        (lambda listed: listed.update(images=[3]), r"images\[0\] is no object, but 3"),
        (lambda listed: listed.update(images=[], annotations=[]), "lists no picture in 'images'"),
    ],
)  # fmt: skip
def test_entries_that_cannot_be_are_refused(change: Change, said: str, tmp_path: Path) -> None:
    with pytest.raises(TLError, match=said):
        source(written(tmp_path, change)).read()


@pytest.mark.parametrize(
    "content, said",
    [
        (b"{", "the file is no JSON"),
        (b"[" * 100_000, "the file is no JSON"),
        (b"[]", "is no JSON object with images"),
        (b"\xff\xfe\xfd", "the file is no JSON"),
        (b'{"images": ' + b"9" * 10_000 + b"}", "the file is no JSON"),
    ],
)
def test_files_that_are_no_json_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_bytes(content)
    with pytest.raises(TLError, match=said):
        source(file).read()


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TLError, match=r"data\.file=.*boxes\.json: there is no such file"):
        source(tmp_path / "boxes.json").read()
    with (tmp_path / "boxes.json").open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(TLError, match="has 17179869184 bytes"):
        source(tmp_path / "boxes.json").read()


def test_a_class_of_val_that_train_lacks_is_refused(tmp_path: Path) -> None:
    files = {}
    for split, number in (("train", 5), ("val", 1)):
        (tmp_path / split).mkdir()
        files[split] = str(
            written(tmp_path / split, lambda listed, n=number: [a.update(category_id=n) for a in listed["annotations"]])
        )  # type: ignore[misc]
    with pytest.raises(TLError, match="the class 'cat' occurs in val but not in train"):
        load_data(option("data", "coco", files=files))


def test_a_class_that_only_a_skipped_picture_has_is_not_lost_silently(tmp_path: Path) -> None:
    def change(listed: dict[str, Any]) -> None:
        listed["annotations"][0]["bbox"] = [1, 1, 0, 0]
        listed["categories"][1]["name"] = " dog "

    found = source(written(tmp_path, change), on_error="skip")
    assert [sample.id for sample in found.read()] == ["b.png"]
    assert found.skipped_classes == {"cat", "dog"}


def test_another_file_of_a_run_has_its_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    recipe = load("coco_boxes", [f"data.file={written(tmp_path)}", f"data.images={tmp_path}"])
    trained: Any = SimpleNamespace(recipe=recipe)
    other = open_other(trained, written(tmp_path / "new"), [], "evaluation", "--data")
    assert [sample.input for sample in other.read()] == [tmp_path / "new" / f"{name}.png" for name in ("a", "b")]
