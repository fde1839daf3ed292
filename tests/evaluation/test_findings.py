"""What the report tells of a split, worked out by hand on a handful of samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tl.components.sample import Sample
from tl.evaluation.findings import judgement as judgement_of
from tl.evaluation.outcome import Outcome, decisions
from tl.space import Space

SINGLE = Space("single", ("cat", "dog", "owl"))
MULTI = Space("multi", ("red", "big"))
NUMBER = Space("number", ("price", "weight"), mean=(0.0, 0.0), std=(1.0, 1.0))


judgement = partial(judgement_of, may_show=lambda _: True)


def judged(space: Space, scores: list[list[float]], targets: Any, raw: list[list[float]] | None = None) -> Outcome:
    samples = [Sample(f"s{i}", f"text {i}", None, f"t.csv:{i + 2}") for i in range(len(scores))]
    found = np.array(scores)
    return Outcome("test", space, samples, found, np.array(raw or scores), np.array(targets), {}, {})


def test_decisions() -> None:
    assert decisions(SINGLE, np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])).tolist() == [1, 0]
    assert decisions(MULTI, np.array([[0.5, 0.49], [0.51, 0.55]])).tolist() == [[1, 0], [1, 1]]
    numbers = np.array([[3.0, -0.7]])
    assert decisions(NUMBER, numbers) is numbers


def test_wrong_classes_are_listed_from_the_surest_on() -> None:
    scores = [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.05, 0.95]]
    found = judgement(judged(SINGLE, scores, [1, 1, 0, 1]), None)
    told = [(m.id, m.true, m.predicted, m.confidence, m.text) for m in found["mistakes"]]
    assert told == [
        ("s3", "dog", "owl", 0.95, "text 3"),
        ("s0", "dog", "cat", 0.6, "text 0"),
        ("s2", "cat", "owl", 0.4, "text 2"),
    ]
    assert found["confusion"].counts == {(0, 2): 1, (1, 0): 1, (1, 1): 1, (1, 2): 1}


def test_wrong_labels_are_listed_from_the_surest_on() -> None:
    """A label that is left out at probability 0.1 is as sure a mistake as one that is given at 0.9."""
    found = judgement(judged(MULTI, [[0.7, 0.1], [0.2, 0.6], [0.4, 0.9]], [[0, 1], [0, 1], [1, 0]]), None)
    told = [(m.id, m.true, m.predicted, round(m.confidence, 9)) for m in found["mistakes"]]
    assert sorted(told[:2]) == [("s0", "big", "not big", 0.9), ("s2", "not big", "big", 0.9)]
    assert told[2:] == [("s0", "not red", "red", 0.7), ("s2", "red", "not red", 0.6)]


def test_the_largest_errors_of_numbers_are_listed_first() -> None:
    found = judgement(judged(NUMBER, [[1.0, 5.0], [2.0, -4.0]], [[1.5, 5.0], [0.0, -1.0]]), None)
    told = [(r.id, r.target, r.true, r.predicted) for r in found["residuals"]]
    assert told[:3] == [("s1", "weight", -1.0, -4.0), ("s1", "price", 0.0, 2.0), ("s0", "price", 1.5, 1.0)]
    prices, weights = found["scatters"]
    assert (list(prices.true), list(prices.predicted)) == ([1.5, 0.0], [1.0, 2.0])
    assert (weights.name, list(weights.predicted)) == ("weight", [5.0, -4.0])


def test_calibration_errors_of_too_sure_and_too_unsure_answers_do_not_cancel() -> None:
    """Guo et al. 2017, equation 3: two answers of 0.9, one right (gap 0.4); two of 0.6, both right (gap 0.4)."""
    raw = [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.6, 0.4, 0.0]]
    scores = [[0.75, 0.25, 0.0], [0.75, 0.25, 0.0], [0.55, 0.45, 0.0], [0.55, 0.45, 0.0]]
    targets = [0, 1, 0, 0]
    found = judgement(judged(SINGLE, scores, targets, raw), 1.7)["calibration"]
    assert found.ece_before == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert found.ece_after == pytest.approx((2 * 0.25 + 2 * 0.45) / 4)
    assert found.temperature == 1.7
    assert [(b.count, b.accuracy) for b in found.before if b.count] == [(2, 1.0), (2, 0.5)]
    untouched = judgement(judged(SINGLE, raw, targets), None)["calibration"]
    assert (len(untouched.after), untouched.temperature, untouched.unfitted) == (0, None, "")
    assert judgement(judged(SINGLE, raw, targets), None, "Too few.")["calibration"].unfitted == "Too few."


def test_every_label_counts_as_an_answer_in_the_calibration_of_several_labels() -> None:
    found = judgement(judged(MULTI, [[0.9, 0.2], [0.9, 0.2]], [[1, 0], [1, 1]]), None)["calibration"]
    assert found.ece_before == pytest.approx((2 * 0.1 + 2 * 0.3) / 4)


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    gone = Sample("s0", tmp_path / "gone.png", None, "pictures/gone.png")
    one = Outcome("test", SINGLE, [gone], np.eye(3)[:1], np.eye(3)[:1], np.array([1]), {}, {})
    (mistake,) = judgement(one, None)["mistakes"]
    assert mistake.text == "pictures/gone.png cannot be opened any more"
