from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.picture import open_image
from tl.components.sample import Picture, Sample
from tl.errors import TLError

datasets = pytest.importorskip("datasets")


def samples(root: Path, **keys: Any) -> list[Sample]:
    found: list[Sample] = option("huggingface", root=str(root), **keys).read()
    return found


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "other": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "tags": datasets.List(datasets.Value("string")),
            "who": datasets.Value("int32"),
        }
    )
    rows = {
        "text": ["a", "b", None],
        "other": ["x", "y", "z"],
        "label": [1, 0, 1],
        "tags": [["t"]] * 3,
        "who": [7, 8, None],
    }
    split = datasets.Dataset.from_dict(rows, features=features)
    bare = datasets.Dataset.from_dict({**rows, "label": [-1, -1, -1]}, features=features)
    datasets.DatasetDict({"train": split, "validation": split, "unlabelled": bare}).save_to_disk(str(tmp_path / "ds"))
    return tmp_path / "ds"


def test_class_names_and_splits(texts: Path) -> None:
    found = samples(texts, text="text", group="who")
    assert [(s.id, s.input, s.target, s.split, s.group) for s in found[:3]] == [
        ("train/0", "a", "good", "train", "7"),
        ("train/1", "b", "bad", "train", "8"),
        ("train/2", "", "good", "train", None),
    ]
    assert [s.target for s in found[6:]] == [None, None, None]
    with pytest.raises(TLError, match="train:3: the text is empty"):
        load_data(option("huggingface", root=str(texts), text="text"))
    data = load_data(option("huggingface", root=str(texts), text="other", split={**SPLIT, "test": 0.0}))
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 3, "val": 3, "unlabelled": 3}
    assert data.space.names == ("bad", "good")


SPLIT = {"val": 0.2, "test": 0.2, "stratify": True, "duplicates": "together", "groups": "shuffled", "seed": 0}


def test_pairs_and_labels_that_are_texts(texts: Path) -> None:
    found = samples(texts, text="text", pair="other", label="who")
    assert [(s.input, s.target) for s in found[:3]] == [(("a", "x"), "7"), (("b", "y"), "8"), (("", "z"), None)]


def test_pictures_stay_on_disk_until_opened(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3), dtype=np.uint8)
    rows = {"img": [Image.fromarray(p) for p in pixels], "label": ["a", "b"] * 3}
    features = datasets.Features({"img": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "ds"))
    found = samples(tmp_path / "ds", image="img")
    assert [(s.id, s.split) for s in found[:2]] == [("0", None), ("1", None)]
    for sample, expected in zip(found, pixels, strict=True):
        assert isinstance(sample.input, Picture)
        assert (np.asarray(open_image(pickle.loads(pickle.dumps(sample)).input)) == expected).all()
    assert len({s.input.content_key for s in found if isinstance(s.input, Picture)}) == 6


def test_mistakes(texts: Path, tmp_path: Path) -> None:
    def failure(root: Path = texts, **keys: Any) -> str:
        with pytest.raises(TLError) as error:
            samples(root, **keys)
        return str(error.value)

    text = failure(text="txt")
    assert text.startswith("data.text: ")
    assert text.endswith("has no column 'txt', only 'text', 'other', 'label', 'tags', 'who'. Did you mean 'text'?")
    assert "column 'tags' of" in failure(text="text", label="tags")
    assert "column 'text' of" in failure(image="text")
    assert "data.text: give either this or data.image" in failure()
    assert "data.pair=other needs data.text" in failure(image="text", pair="other")
    assert "there is no such folder. Did you mean 'ds'?" in failure(tmp_path / "dss", text="text")
    (tmp_path / "empty").mkdir()
    assert "is no folder written by save_to_disk" in failure(tmp_path / "empty", text="text")


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(TLError, match=r"needs pip install 'tl-toolkit\[datasets\]'"):
        samples(tmp_path / "any", text="text")


def test_only_the_columns_that_a_purpose_needs_are_read(texts: Path) -> None:
    source = option("huggingface", root=str(texts), text="text", label="mood", group="speaker")
    with pytest.raises(TLError, match="has no column 'mood'"):
        source.read()
    source.purpose = "prediction"
    assert [(s.input, s.target, s.group) for s in source.read()[:2]] == [("a", None, None), ("b", None, None)]
    source = option("huggingface", root=str(texts), text="text", group="speaker")
    source.purpose = "evaluation"
    assert [(s.target, s.group) for s in source.read()[:2]] == [("good", None), ("bad", None)]
