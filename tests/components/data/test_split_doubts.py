from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.components.data.listed import Listed, option, rows
from tests.tasks import load_data
from tl.components.data.base import Data
from tl.components.data.split_doubts import split_doubts
from tl.components.sample import Sample
from tl.errors import TLError


def doubts(data: Data) -> list[str]:
    return [str(doubt) for doubt in split_doubts(data)]


def split(train: int, val: int, test: int) -> Data:
    samples = [*rows("train", a=train, b=train), *rows("val", 1000, a=val), *rows("test", 2000, a=test)]
    return load_data(Listed(samples, split={"val": 0.0, "test": 0.0}))


def test_splits_of_twenty_samples_are_sound() -> None:
    assert doubts(split(30, 20, 20)) == []


def test_small_splits_are_named_with_their_sizes() -> None:
    (text,) = doubts(split(30, 19, 1))
    assert text.startswith("val has 19 samples and test has 1 sample: too few to tell a good model from a bad one.")
    (text,) = doubts(split(30, 20, 19))
    assert text.startswith("test has 19 samples: too few")


def test_absent_splits_are_named_with_what_follows() -> None:
    assert [text.partition(":")[0] for text in doubts(split(30, 0, 20))] == ["There is no val split"]
    assert [text.partition(":")[0] for text in doubts(split(30, 20, 0))] == ["There is no test split"]
    (text,) = doubts(split(30, 0, 0))
    assert text.startswith("There is no val split and no test split: nothing says how good the model is.")


def test_pairs_of_equal_texts() -> None:
    def pairs(second: str) -> Data:
        made = [
            Sample(str(i), (f"text {i}", f"text {i}" if i else second), "ab"[i % 2], f"rows.csv:{i}", part)
            for i, part in enumerate(["train", "val", "test"] * 20)
        ]
        return load_data(Listed(made))

    assert [text.partition(":")[0] for text in doubts(pairs("text 0"))] == [
        "Both texts of every pair are the same",
    ]
    assert doubts(pairs("another")) == []


def pictures(root: Path, *folders: str) -> Data:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (4, 4), (i, i, i)).save(root / folder / f"{i}.png")
    return load_data(
        option(
            "image_folder",
            root=str(root),
            split={
                "val": 0.3,
                "test": 0.3,
                "stratify": True,
                "duplicates": "together",
                "groups": "shuffled",
                "seed": 0,
            },
        )
    )


def test_a_folder_one_level_too_high(tmp_path: Path) -> None:
    deep = pictures(tmp_path / "deep", "old/rose", "old/tulip", "new/rose", "new/tulip")
    (text,) = doubts(deep)
    assert text.startswith("The pictures of class 'new' lie in folders of their own (rose, tulip): where these are")
    assert doubts(pictures(tmp_path / "sound", "rose", "tulip")) == []
    assert doubts(pictures(tmp_path / "partly", "rose/2023", "rose/2024", "tulip")) == []


def test_one_folder_around_all_classes_is_refused_with_the_right_root(tmp_path: Path) -> None:
    with pytest.raises(TLError, match=r"its only folder, 'flowers', holds .*: set data\.root=.*/flowers\.$"):
        pictures(tmp_path, "flowers/rose", "flowers/tulip")


def test_one_column_is_no_pair() -> None:
    with pytest.raises(TLError, match=r"data\.pair=a is data\.text too"):
        option("table", file="x.csv", text="a", pair="a", label="b")
