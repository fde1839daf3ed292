from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.components.data.listed import Listed, option
from tests.tasks import load_data
from tl.components.data.base import Data
from tl.components.data.copies import clusters, equal_samples
from tl.components.sample import Picture, Sample, Samples


def text(number: int, words: str, split: str | None = None, group: str | None = None) -> Sample:
    return Sample(f"{number}", words, "ab"[number % 2], f"rows.csv:{number}", split, group)


def split_of(data: Data) -> dict[str, str]:
    return {sample.id: name for name, rows in data.splits.items() for sample in rows}


def parted(data: Data, pairs: Sequence[tuple[str, str]]) -> int:
    where = split_of(data)
    return sum(where[one] != where[two] for one, two in pairs)


TWINS = [text(i, f"sentence {i}") for i in range(100)] + [text(200 + i, f"Sentence  {i}\n") for i in range(0, 100, 2)]
PAIRS = [(f"{i}", f"{200 + i}") for i in range(0, 100, 2)]


def test_copies_are_kept_in_one_split_and_it_is_said() -> None:
    together = load_data(Listed(TWINS))
    assert parted(together, PAIRS) == 0
    assert "50 samples have the input of another: such copies are kept in one split" in " ".join(together.notes)
    apart = load_data(Listed(TWINS, split={"duplicates": "apart"}))
    assert parted(apart, PAIRS) > 5
    assert not any("copies" in note for note in apart.notes)
    sizes = {name: len(rows) for name, rows in together.splits.items()}
    assert sum(sizes.values()) == 150
    assert 20 <= sizes["val"] <= 40  # the share is 0.2 of 150 samples, give and take a few copies
    moved = {id for id, name in split_of(together).items() if name != split_of(apart)[id]}
    assert moved <= {id for pair in PAIRS for id in pair}, "only copies move"
    assert not any(set(pair) <= moved for pair in PAIRS), "and one of them stays where it was"


def test_data_without_copies_is_divided_as_ever() -> None:
    samples = [text(i, f"sentence {i}") for i in range(60)]
    divided = [split_of(load_data(Listed(samples, split={"duplicates": how}))) for how in ("together", "apart")]
    assert divided[0] == divided[1]


def test_a_division_does_not_depend_on_the_order_of_the_rows() -> None:
    assert split_of(load_data(Listed(TWINS))) == split_of(load_data(Listed(TWINS[::-1])))


def test_groups_that_share_an_input_stay_together() -> None:
    samples = [text(i, f"sentence {i}", group=f"person {i // 4}") for i in range(80)]
    samples += [text(100 + i, f"SENTENCE {4 * i}", group=f"person {19 - i}") for i in range(5)]
    samples += [text(300, "sentence 79")]
    data = load_data(Listed(samples))
    where = split_of(data)
    assert parted(data, [("79", "300"), *((f"{4 * i}", f"{100 + i}") for i in range(5))]) == 0
    for start in range(0, 80, 4):
        assert len({where[f"{start + i}"] for i in range(4)}) == 1
    for i in range(5):
        assert where[f"{100 + i}"] == where[f"{4 * (19 - i)}"] == where[f"{4 * i}"]
    assert all(
        sample.group is None or sample.group.startswith("person") for rows in data.splits.values() for sample in rows
    )


def test_a_class_does_not_lose_its_last_training_sample_to_its_copies() -> None:
    for seed in range(12):
        rare = [Sample(id, "rare words", "rare", id) for id in ("zz0", "zz1")]
        data = load_data(Listed([*(text(i, f"sentence {i}") for i in range(40)), *rare], split={"seed": seed}))
        assert {split_of(data)[sample.id] for sample in rare} == {"train"}


def test_named_splits_stay_as_they_are() -> None:
    samples = [text(i, "the same", ("train", "val", "test")[i % 3]) for i in range(12)]
    data = load_data(Listed(samples))
    assert Counter(split_of(data).values()) == {"train": 4, "val": 4, "test": 4}
    assert data.notes == ()


def test_copies_within_train_stay_in_one_part_when_val_is_cut_from_it() -> None:
    samples = [text(i, f"sentence {i // 2}", "train") for i in range(80)]
    samples += [text(100 + i, f"other {i}", "test") for i in range(8)]
    data = load_data(Listed(samples))
    assert parted(data, [(f"{i}", f"{i + 1}") for i in range(0, 80, 2)]) == 0
    assert len(data.splits["val"]) >= 8


def test_equal_picture_files_stay_together_and_equal_sizes_do_not_matter(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(20):
            Image.new("RGB", (4, 4), (10 * i, 7, len(name) + ord(name[0]))).save(tmp_path / name / f"{i}.bmp")
        for i in range(0, 20, 2):
            (tmp_path / name / f"copy{i}.bmp").write_bytes((tmp_path / name / f"{i}.bmp").read_bytes())
    data = load_data(option("image_folder", root=str(tmp_path)))
    assert parted(data, [(f"{n}/{i}.bmp", f"{n}/copy{i}.bmp") for n in ("cat", "dog") for i in range(0, 20, 2)]) == 0
    assert data.notes == (
        "20 samples have the input of another: such copies are kept in one split (data.split.duplicates=together).",
    )


@pytest.mark.parametrize(
    "one, two, equal",
    [
        ("The  same", " the same\n", True),
        ("\ufb01ne", "FINE", True),  # the ligature fi
        (" " * 90 + "far to the right", "far to the right", True),
        ("a" * 100, "a" * 101, False),
        ("the same", "thesame", False),
        ("", " ", False),
        ("a\x1cb" * 30, "A B" * 30, True),
        (" " * 44 + "a" * 19 + "e\u0301 end", "a" * 19 + "\u00e9 end", True),  # the accent is the 65th letter
        ("\uff21" * 30, "a" * 30, True),  # wide letters
        (("a", "b"), ("A", "b "), True),
        (("a", "b"), ("a", "c"), False),
        (("ab", "c"), ("a", "bc"), False),
    ],
)
def test_texts_are_equal_but_for_case_and_spacing(one: object, two: object, equal: bool) -> None:
    made = [Sample(str(i), words, "a", str(i)) for i, words in enumerate((one, two))]  # type: ignore[arg-type]
    assert bool(equal_samples({"": Samples.of(made)})) == equal


def test_pictures_of_a_table_are_compared_by_key_or_by_bytes() -> None:
    def picture(name: str) -> Picture:
        return Picture(name, name, lambda: b"the same bytes")

    made = [Sample(str(i), picture(str(i)), "a", str(i)) for i in range(2)]
    assert clusters(Samples.of(made)) == []
    assert len(equal_samples({"": Samples.of(made)})) == 1
