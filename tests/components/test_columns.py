"""Columns give back what they were made of, whichever rows are taken, and hold it in few bytes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl.components.columns import Codes, Numbered, codes_column, texts_column
from tl.components.sample import Picture, Raw, Sample, Samples, Target

ANY_TEXT = st.text(st.characters(codec=None), max_size=5)


@given(st.lists(ANY_TEXT, max_size=6), st.randoms(use_true_random=False))
def test_texts_are_kept_letter_by_letter(texts: list[str], chance: object) -> None:
    column = texts_column(texts)
    assert list(column) == texts
    rows = np.array([i for i in reversed(range(len(texts))) if i % 3], dtype=np.int64)
    assert list(column.take(rows)) == [texts[i] for i in rows]
    assert column.blank().tolist() == [not text.strip() for text in texts]
    assert column.take(rows).blank().tolist() == [not texts[i].strip() for i in rows]


def test_rows_are_found_by_their_letters() -> None:
    column = texts_column(["a\x01", "b", "\x01"])
    assert column.rows_with(re.compile(b"\x01"), b"\x01") == [0, 2]
    assert column.take(np.array([1, 2])).rows_with(re.compile(b"\x01"), b"\x01") == [1]
    assert column.rows_with(re.compile(b"c"), b"c") == []


def test_codes_join_values_that_become_equal() -> None:
    column = codes_column(["dev", None, "val", "train", "dev"])
    changed = column.mapped(lambda name: None if name == "train" else name[0].replace("d", "v"))
    assert [*changed] == ["v", None, "v", None, "v"]
    assert changed.counts() == {"v": 3}
    assert [*column.filled("val")] == ["dev", "val", "val", "train", "dev"]
    assert column.rows_of(lambda name: name == "dev", without_value=True).tolist() == [True, True, False, False, True]
    assert codes_column([]).counts() == {}


def test_numbered_names() -> None:
    column = Numbered(("", "train/"), np.array([0, 1], dtype=np.int32), np.array([7, 12]))
    assert [*column] == ["7", "train/12"]
    assert column[-1] == "train/12"
    with pytest.raises(IndexError):
        column[2]


INPUTS: list[list[Raw]] = [
    ["a", "ü\ud800"],
    [("a", ""), ("", "b")],
    [Path("a.png"), Picture("cell", "key", bytes)],
    ["a", ("b", "c")],
]
TARGETS: list[list[Target]] = [["x", None], [("x", "y"), ()], [(1e300, 2.0), None], [None, None]]


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("targets", TARGETS)
def test_samples_give_back_each_sample(inputs: list[Raw], targets: list[Target]) -> None:
    rows = [Sample(f"r{i}", inputs[i], targets[i], f"f:{i}", (None, "val")[i], ("g", None)[i]) for i in range(2)]
    samples = Samples.of(rows)
    assert [*samples] == rows
    assert samples[1] == samples[-1] == rows[1]
    assert [*samples[1:]] == rows[1:]
    assert samples.take(np.array([1, 0])) == Samples.of(rows[::-1])
    assert samples != Samples.of(rows[:1])
    assert Samples.of(samples) is samples
    assert [s.split for s in samples.in_split("test")] == ["test", "test"]
    assert [*pickle.loads(pickle.dumps(samples))] == rows


def test_a_million_rows_would_need_little_beyond_their_letters() -> None:
    samples = Samples.of(Sample(str(i), "word " * 20, "ab"[i % 2], f"t.csv:{i}") for i in range(1000))
    assert isinstance(samples.targets, Codes)
    assert len(pickle.dumps(samples)) < 1000 * (100 + 100)
