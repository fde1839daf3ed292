"""The facts of the verdict, from outcomes on a handful of samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.tasks import outcome_of, task_of
from tl.components.sample import Sample, Samples
from tl.evaluation.outcome import Outcome, with_caution
from tl.evaluation.verdict import verdict_of, versus_guessing
from tl.metrics.measured import Prior
from tl.space import Space

SINGLE = Space("single", ("cat", "dog", "owl"))
MULTI = Space("multi", ("red", "big"))
NUMBER = Space("number", ("price",), mean=(0.0,), std=(1.0,))


def of(target: Any, group: str | None = None) -> Sample:
    return Sample("id", "text", target, "t.csv:2", group=group)


def known_from(space: Space, *samples: Sample) -> Prior:
    return prior(space, Samples.of(samples))


def prior(space: Space, *parts: Samples) -> Prior:
    return task_of(space).prior(parts)


def judged(space: Space, scores: Any, targets: Any, groups: list[str] | None = None, split: str = "test") -> Outcome:
    samples = [Sample(f"s{i}", "text", None, "t.csv:2", group=groups and groups[i]) for i in range(len(targets))]
    return outcome_of(space, scores, targets, samples=samples, split=split)


def never_answered(found: Outcome) -> Iterator[tuple[str, int]]:
    return found.task.never_answered(found.found)


def test_what_other_samples_tell() -> None:
    seen = [*[of("dog")] * 3, of("cat"), of(None)]
    assert known_from(SINGLE, *seen).shares == pytest.approx(np.array([1.5, 3.5, 0.5]) / 5.5)
    assert prior(SINGLE).shares == pytest.approx([1 / 3] * 3)
    assert known_from(MULTI, of(("red",)), of(("red", "big")), of(())).shares == pytest.approx([2.5 / 4, 1.5 / 4])
    numbers = known_from(NUMBER, of((1.0,)), of((2.0,)), of((6.0,)))
    assert (numbers.mean, numbers.median) == (3.0, 2.0)


def test_the_verdict_of_a_class() -> None:
    y = [0] * 30 + [1] * 20
    known = known_from(SINGLE, *[of("cat")] * 6, *[of("dog")] * 4)
    found = verdict_of("accuracy", judged(SINGLE, np.eye(3)[y], y), known)
    assert (found.value, found.n, found.caution, found.never, found.missing) == (1.0, 50, "", (), "")
    assert found.versus is not None
    assert (found.versus.metric, found.versus.guess, found.versus.says) == ("accuracy", 0.6, "better")
    assert found.baseline == 0.6


def test_a_metric_without_a_best_guess_is_judged_by_the_default_one() -> None:
    y = [0] * 30 + [1] * 20
    known = known_from(SINGLE, *[of("cat")] * 6, *[of("dog")] * 4)
    found = verdict_of("ece", judged(SINGLE, np.eye(3)[y], y), known)
    assert (found.metric, found.low, found.missing) == ("ece", None, "its bias depends on the sample")
    assert found.versus is not None
    assert (found.versus.metric, found.versus.value, found.versus.says) == ("accuracy", 1.0, "better")
    assert found.baseline is None
    other = verdict_of("auroc", judged(SINGLE, np.eye(3)[y[:30]], y[:30]), known)
    assert math.isnan(other.value)
    assert other.missing == "not defined because all samples are of one class"


def test_the_groups_of_samples_are_minded() -> None:
    y = [0] * 120 + [1] * 80
    answers = [1 - true if i // 20 % 5 == 4 else true for i, true in enumerate(y)]
    groups = [f"g{i // 20}" for i in range(200)]
    known = known_from(SINGLE, *[of("cat")] * 6, *[of("dog")] * 4)
    alone, together = (judged(SINGLE, np.eye(3)[answers], y, some) for some in (None, groups))
    versus = [versus_guessing("accuracy", one, known) for one in (alone, together)]
    assert [one.says for one in versus if one] == ["better", "same"]


def test_what_is_never_answered() -> None:
    scores = [[0.9, 0.1, 0.0]] * 4 + [[0.2, 0.8, 0.0]]
    assert list(never_answered(judged(SINGLE, scores, [0, 2, 2, 0, 1]))) == [("owl", 2)]
    assert list(never_answered(judged(SINGLE, scores[:4], [0, 2, 1, 2]))) == [("owl", 2), ("dog", 1)]
    assert list(never_answered(judged(SINGLE, scores[:4], [0] * 4))) == []
    assert list(never_answered(judged(MULTI, [[0.9, 0.4], [0.1, 0.3]], [[1, 1], [0, 1]]))) == [("big", 2)]
    assert list(never_answered(judged(NUMBER, [[1.0]], [[2.0]]))) == []


def test_reasons_are_part_of_the_stored_outcome() -> None:
    y = [0] * 30
    content = judged(SINGLE, np.eye(3)[y], y).as_json()
    assert content["metrics"]["accuracy"].keys() == {"value", "low", "high"}
    assert content["metrics"]["auroc"]["why"] == "not defined because all samples are of one class"
    assert "top5" not in content["metrics"]
    assert "caution" not in content
    assert json.loads(json.dumps(content))["metrics"]["auroc"]["value"] is None


def test_a_gate_on_what_is_not_defined_says_so() -> None:
    one = judged(SINGLE, np.eye(3)[[0] * 30], [0] * 30)
    assert one.why_failed("accuracy") == "on test, accuracy is 1.000"
    assert one.why_failed("auroc") == "on test, auroc is not defined because all samples are of one class"


def test_the_validation_split_is_not_taken_at_its_word() -> None:
    y = [0] * 30 + [1] * 20
    known = known_from(SINGLE, of("cat"))
    val = with_caution(judged(SINGLE, np.eye(3)[y], y, split="val"))
    assert val.caution == "the checkpoint was chosen on this split, so its values are likely too good"
    assert verdict_of("accuracy", val, known).caution == val.as_json()["caution"] == val.caution
    tempered = with_caution(replace(val, temperature=2.0))
    assert tempered.caution.startswith("the checkpoint and the temperature were chosen on this split")
    assert with_caution(judged(SINGLE, np.eye(3)[y], y)).caution == ""
