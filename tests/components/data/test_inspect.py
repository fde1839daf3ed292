from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.components.data.listed import Listed, option, row, rows
from tests.tasks import load_data
from tl.components.data.inspect import Findings, inspect
from tl.components.sample import Sample


def looked(samples: list[Sample], **changes: object) -> Findings:
    return inspect(load_data(Listed(samples, **changes)))  # type: ignore[arg-type]


def warned(found: Findings) -> tuple[str, ...]:
    """The warnings but those on the size of the splits."""
    return tuple(str(one) for one in found.warnings if one.code not in ("E166", "E167"))


def text(number: int, words: str, target: str, split: str, group: str | None = None) -> Sample:
    return Sample(str(number), words, target, f"rows.csv:{number}", split, group)


def test_sound_data_has_counts_and_nothing_else() -> None:
    found = looked([*rows("train", a=40, b=20), *rows("val", 100, a=20), *rows("test", 200, a=10, b=30)])
    counts = {"train": {"a": 40, "b": 20}, "val": {"a": 20, "b": 0}, "test": {"a": 10, "b": 30}}
    assert found == Findings((), (), counts, pictures_opened=0)


def test_numbers_and_unlabelled_samples_are_counted_as_samples() -> None:
    plain = [row(i, (float(i),), split) for i, split in enumerate(["train", "train", "val", "test"])]
    assert looked(plain, kind="number", columns=("y",)).counts == {
        "train": {"samples": 2},
        "val": {"samples": 1},
        "test": {"samples": 1},
    }
    bare = [*rows(a=9, b=9), row(50, None, "target")]
    assert looked(bare).counts["target"] == {"samples": 1}


def test_each_of_several_labels_is_counted() -> None:
    several = [row(i, target, "train") for i, target in enumerate([("a", "b"), ("a",), ()])]
    split = {"val": 0.0, "test": 0.0}
    assert looked(several, kind="multi", split=split).counts == {"train": {"a": 2, "b": 1}}


def test_duplicates_across_splits_ignore_case_and_spacing() -> None:
    found = looked(
        [
            text(1, "The  same", "a", "train"),
            text(2, "other", "b", "train"),
            text(3, "more", "b", "val"),
            text(4, "the same\n", "a", "val"),
            text(5, "THE SAME", "b", "test"),
        ]
    )
    assert warned(found) == (
        "train and val share 1 exact duplicate: rows.csv:1 = rows.csv:4; remove one of each.",
        "train and test share 1 exact duplicate: rows.csv:1 = rows.csv:5; remove one of each.",
        "val and test share 1 exact duplicate: rows.csv:4 = rows.csv:5; remove one of each.",
        "Equal inputs have different targets (1): rows.csv:1 = rows.csv:5; keep the right one.",
    )


def test_long_lists_are_cut() -> None:
    twins = [
        text(100 * k + i, f"t{i}", "ab"[i % 2], split) for k, split in enumerate(["train", "test"]) for i in range(8)
    ]
    warning = looked(twins, split={"val": 0.0}).warnings[0]
    assert warning.startswith("train and test share 8 exact duplicates: rows.csv:0 = rows.csv:100, ")
    assert " and 5 more; " in warning


def test_pairs_with_an_empty_text() -> None:
    half = replace(text(90, "", "a", "val"), input=("some words", " \t"))
    found = looked([*rows("train", a=4, b=4), half, text(91, "more", "b", "test")])
    assert found.warnings[0] == "1 pair with an empty text: rows.csv:90."


def test_a_group_in_two_splits_is_a_mistake() -> None:
    found = looked(
        [
            text(i, f"t{i}", "ab"[i % 2], split, f"patient {i % 5}")
            for i, split in enumerate(["train"] * 4 + ["test"] * 4)
        ],
        split={"val": 0.0},
    )
    example = "'patient 0' in rows.csv:0 and rows.csv:5"
    assert found.errors == (f"train and test share 3 groups, such as {example}: keep each group in one split.",)


def test_uneven_classes_are_named_unless_balanced() -> None:
    skewed = [*rows("train", a=50, b=5), *rows("val", 100, a=1, b=1), *rows("test", 200, a=1, b=1)]
    (warning,) = warned(looked(skewed))
    assert "50 samples of 'a' and 5 of 'b'" in warning
    assert "data.balance=weights" in warning
    assert warned(looked(skewed, balance="weights")) == warned(looked(skewed, balance="sampling")) == ()


def test_names_that_differ_in_case_only() -> None:
    found = looked(rows(**{"Card lost": 9, "card_lost": 9, "other": 9}))
    assert "The classes 'Card lost' and 'card_lost' may be one: merge them." in found.warnings


def test_broken_and_tiny_pictures_and_duplicate_files(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(3):
                pixels = chance.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{i}.png")
    (tmp_path / "test/dog/copy.png").write_bytes((tmp_path / "train/cat/0.png").read_bytes())
    (tmp_path / "val/cat/0.png").write_bytes((tmp_path / "val/cat/0.png").read_bytes()[:200])
    Image.new("RGB", (1, 9)).save(tmp_path / "train/dog/1.png")
    frames = [Image.new("RGB", (9, 9), tone) for tone in ("red", "blue")]
    frames[0].save(tmp_path / "train/dog/2.gif", save_all=True, append_images=frames[1:])
    data = load_data(option("image_folder", root=str(tmp_path)))
    found = inspect(data)
    assert found.pictures_opened == 20
    (broken,) = found.errors
    assert broken.startswith(f"{tmp_path}/val/cat/0.png: the picture cannot be read")
    twins = f"{tmp_path}/train/cat/0.png = {tmp_path}/test/dog/copy.png"
    assert warned(found) == (
        f"1 picture only one pixel wide or high: {tmp_path}/train/dog/1.png (1 x 9 pixels).",
        f"1 picture with several frames, of which the first is used: {tmp_path}/train/dog/2.gif.",
        f"train and test share 1 exact duplicate: {twins}; remove one of each.",
        f"Equal inputs have different targets (1): {twins}; keep the right one.",
    )
    some = inspect(data, max_opened=7)
    assert some.pictures_opened == 7
    assert some.warnings[-1] == "7 of 20 pictures were opened; the others were not."


def test_built_in_sets_are_sound() -> None:
    for name in ("tiny_shapes", "tiny_sentences"):
        found = inspect(load_data(option(name, n=200)))
        assert (found.errors, found.warnings) == ((), ())
