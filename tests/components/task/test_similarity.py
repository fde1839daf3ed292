"""How alike two texts are: what the task takes, and the scale of its scores."""

from __future__ import annotations

import pytest

from tests.built import option
from tests.components.data.listed import row
from tl.components.sample import Sample, Samples
from tl.components.task.similarity import Similarity
from tl.errors import TLError
from tl.space import Space


def pairs(*scores: float | None) -> Samples:
    targets = [None if score is None else (score,) for score in scores]
    return Samples.of([Sample(str(i), (f"a {i}", f"b {i}"), t, f"p.csv:{i}") for i, t in enumerate(targets)])


def task() -> Similarity:
    made = option("task", "similarity")
    assert isinstance(made, Similarity)
    return made


def test_the_scores_of_the_training_pairs_are_the_scale() -> None:
    made = task()
    found = made.fit(("score",), pairs(2.0, 4.5, None, 1.5), {})  # type: ignore[typeddict-item]
    assert found == made.space == Space("number", ("score",), (1.5,), (3.0,))
    assert made.targets(pairs(7.0, None)).tolist() == [[7.0], [0.0]]
    assert made.skill() == "rank pairs by score"


def test_equal_scores_teach_nothing() -> None:
    with pytest.raises(TLError, match=r"All training pairs have the same score in 'score', 3: .* data\.numbers"):
        task().fit(("score",), pairs(3.0, 3.0), {})  # type: ignore[typeddict-item]


def test_texts_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(TLError, match=r"no pairs of texts: name .* in data\.pair, or take task=regression"):
        task().classes({"train": Samples.of([row(1, (1.0,))])}, ["score"], [])


def test_one_score_is_learnt() -> None:
    with pytest.raises(TLError, match=r"the data has 2 numbers \(a, b\): name one column in data\.numbers"):
        task().classes({"train": pairs(1.0)}, ["a", "b"], [])
    assert task().classes({"train": pairs(1.0)}, ["a"], []) == ("a",)
