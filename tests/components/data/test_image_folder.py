from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.data.base import Data
from tl.errors import TLError


def draw(root: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (i % 256, 0, 0)).save(path)
    return root


def loaded(root: Path, **keys: Any) -> Data:
    return load_data(option("image_folder", root=str(root), **keys))


def ids(data: Data, split: str) -> list[str]:
    return [s.id for s in data.splits[split]]


def test_class_folders_are_divided(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(20)))
    data = loaded(tmp_path)
    assert (data.modality, data.space.names) == ("image", ("cat", "dog"))
    assert {split: len(found) for split, found in data.splits.items()} == {"train": 28, "val": 6, "test": 6}
    assert all(s.id == f"{s.target}/{s.input.name}" for s in data.splits["train"] if isinstance(s.input, Path))


def test_split_folders_share_one_label_map(tmp_path: Path) -> None:
    draw(tmp_path, *(f"train/{name}/{i}.png" for name in ("ant", "bee", "cat") for i in range(4)))
    draw(tmp_path, "valid/cat/0.png", "valid/bee/0.png", "test/cat/9.png", "test/ant/9.png", "test/bee/9.png")
    data = loaded(tmp_path)
    assert data.space.names == ("ant", "bee", "cat")
    assert [s.target for s in data.splits["val"]] == ["bee", "cat"]
    assert ids(data, "test") == ["test/ant/9.png", "test/bee/9.png", "test/cat/9.png"]
    assert "val has no sample of 'ant'." in data.notes


def test_folders_inside_classes_are_read_and_others_skipped_with_a_note(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{name}/deep/er/{i}.JPEG" for name in ("cat", "dog") for i in range(5)))
    draw(tmp_path, "cat/.hidden.png", ".git/a.png", "cat/.cache/b.png", "loose.png")
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    data = loaded(tmp_path)
    assert sum(len(found) for found in data.splits.values()) == 10
    assert any("1 file is no picture" in note and "notes.txt" in note for note in data.notes)
    assert any("outside of class folders" in note and "loose.png" in note for note in data.notes)
    assert any("empty: the class folder holds no picture" in note for note in data.notes)


def test_pictures_right_in_another_split_are_unlabelled(tmp_path: Path) -> None:
    draw(tmp_path, *(f"train/{name}/{i}.png" for name in ("cat", "dog") for i in range(9)), "target/1.png")
    assert [(s.id, s.target) for s in loaded(tmp_path).splits["target"]] == [("target/1.png", None)]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{name}/{i}.png" for name in ("bus", "train") for i in range(9)))
    assert loaded(tmp_path).space.names == ("bus", "train")


def test_groups_come_from_the_path(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{c}/p{p}_{i}.png" for c in ("ill", "well") for p in range(12) for i in range(3)), "ill/x.png")
    data = loaded(tmp_path, group=r"(p\d+)_")
    places = [(s.group, split) for split, found in data.splits.items() for s in found if s.group]
    assert len(set(places)) == len({group for group, _ in places}) == 12
    assert any("does not match 1 pictures, such as 'ill/x.png'" in note for note in data.notes)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("(p", "data.group='(p' is no regular expression: "),
        ("p", "needs exactly one (group)"),
        ("(q)_", "matches no picture's path, such as 'cat/0.png'"),
    ],
)
def test_mistaken_groups(tmp_path: Path, group: str, message: str) -> None:
    draw(tmp_path, "cat/0.png", "dog/0.png")
    with pytest.raises(TLError) as error:
        loaded(tmp_path, group=group)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("names", "asked", "messages"),
    [
        (["flowers/a/0.png"], "flower", ["there is no such folder", "Did you mean 'flowers'?"]),
        (["a/0.png"], "a/0.png", ["is a file: unpack it"]),
        (["a/b.txt.png"], "a", ["no picture was found: give each class a folder"]),
        (["train/0.png", "val/0.png"], ".", ["train/0.png: lies right in the split's folder"]),
        (["val/a/0.png", "b/0.png"], ".", ["a folder 'val' but none named train"]),
        (["train/a/0.png", "val/a/0.png", "valid/a/0.png"], ".", ["'val' and 'valid' both mean val"]),
    ],
)
def test_mistaken_layouts(tmp_path: Path, names: list[str], asked: str, messages: list[str]) -> None:
    draw(tmp_path, *names)
    with pytest.raises(TLError) as error:
        loaded(tmp_path / asked)
    assert all(message in str(error.value) for message in messages), str(error.value)


def test_moving_the_folder_changes_nothing(tmp_path: Path) -> None:
    names = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(20)]
    one, two = loaded(draw(tmp_path / "one", *names)), loaded(draw(tmp_path / "two", *names))
    assert one.fingerprint == two.fingerprint
    assert ids(one, "test") == ids(two, "test")


def test_links_that_lead_back_up_bring_in_no_other_class(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "more").mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    for name, place in (("up", tmp_path), ("root", Path("/")), ("itself", tmp_path / "a")):
        (tmp_path / "a" / "more" / name).symlink_to(place, target_is_directory=True)
    source = option("image_folder", root=str(tmp_path))
    assert [s.id for s in source.read()] == [f"{name}/{number}.png" for name in "ab" for number in range(4)]
    assert [note for note in source.notes if "leads back up and was not followed" in note] == source.notes[:3]
