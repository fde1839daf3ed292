"""The verdict: one sentence for each kind of run, which admits where guessing does as well."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tl.metrics.guessing import Says
from tl.report.facts import Verdict, Versus
from tl.report.page import render
from tl.report.verdict import sentence

from .examples import BETTER, EMPTY, multi, numeric, single

GAP = "\u00a0"
INTERVAL = f"95{GAP}%{GAP}interval"


def test_the_verdict_of_each_kind() -> None:
    wide = replace(single(), skill="tell 9 classes apart")
    assert sentence(wide) == f"Tells 9 classes apart with accuracy 0.68 ({INTERVAL} 0.63–0.72) on 360 test pictures."
    assert sentence(single()) == f"Tells cat from dog with accuracy 0.68 ({INTERVAL} 0.63–0.72) on 360 test pictures."
    assert sentence(numeric()) == (
        f"Predicts price with mean absolute error 38.4 ({INTERVAL} 35.0–42.0) on 300 test rows."
    )


def told(versus: Versus | None, metric: str = "accuracy", **more: Any) -> str:
    verdict = Verdict(metric=metric, split="test", value=0.65, n=9, versus=versus, **more)
    return sentence(replace(single(), verdict=verdict))


def against(says: Says, guess: float = 0.5, metric: str = "accuracy") -> Versus:
    return Versus(metric=metric, value=0.65, guess=guess, says=says)


@pytest.mark.parametrize(
    ("versus", "expected"),
    [
        (against("better"), "Tells cat from dog with accuracy 0.65 on 9 test pictures."),
        (
            against("same", 0.6),
            "Not shown to tell cat from dog: accuracy 0.65 on 9 test pictures. "
            "Guessing scores 0.60: no clear difference.",
        ),
        (
            against("worse", 0.8),
            "Not shown to tell cat from dog: accuracy 0.65 on 9 test pictures. Guessing does better: 0.80.",
        ),
        (
            replace(against("unknown"), missing="only 9 samples"),
            "Not shown to tell cat from dog: accuracy 0.65 on 9 test pictures. "
            "Guessing scores 0.50: too little to tell the difference (only 9 samples).",
        ),
        (None, "Not shown to tell cat from dog: accuracy 0.65 on 9 test pictures."),
    ],
)
def test_only_what_beats_guessing_tells_groups_apart(versus: Versus | None, expected: str) -> None:
    assert told(versus) == expected


def test_a_metric_that_no_guess_is_best_for_is_judged_by_another() -> None:
    words = told(against("better", metric="accuracy"), metric="mae")
    assert words.endswith(
        "with mean absolute error 0.65 on 9 test pictures. Its accuracy is 0.65; guessing scores 0.50."
    )
    words = told(against("same", metric="accuracy"), metric="mae")
    assert words.startswith("Not shown to tell cat from dog: mean absolute error 0.65")
    assert words.endswith("Its accuracy is 0.65; guessing scores 0.50: no clear difference.")


def test_what_was_not_shown_is_said_for_each_kind() -> None:
    words = sentence(multi())
    assert words == (
        "Not shown to find which of 2 labels apply: mean average precision 0.61 on 1 validation picture. "
        "Guessing scores 0.30: too little to tell the difference. Never answers label (0 of 1). "
        "Mind that label: only a test split tells."
    )
    judged = numeric().verdict
    assert judged is not None
    assert judged.versus is not None
    same = replace(judged, versus=replace(judged.versus, says="same"))
    assert sentence(replace(numeric(), verdict=same)).startswith("Not shown to predict price: mean absolute error 38.4")


def test_classes_that_are_never_answered_are_named() -> None:
    words = told(against("better"), never=[("owl", 36)])
    assert words.endswith("on 9 test pictures. Never answers owl (0 of 36).")
    words = told(against("better"), never=[("owl", 36), ("bat", 12)])
    assert words.endswith("Never answers owl (0 of 36) and bat (0 of 12).")
    words = told(against("better"), never=[(name, 5) for name in "abcde"])
    assert words.endswith("Never answers a (0 of 5), b (0 of 5), c (0 of 5) and 2 more.")


def test_a_split_that_chose_the_checkpoint_is_not_taken_at_its_word() -> None:
    words = told(
        against("better"), caution="the checkpoint was chosen on this split, so its values are likely too good"
    )
    assert words.endswith(" was chosen on this split, so its values are likely too good: only a test split tells.")


def test_the_verdict_of_runs_without_one() -> None:
    judged = single()
    assert judged.verdict is not None
    assert sentence(EMPTY) == "Nothing was measured: this run has no test or validation split."
    nothing = replace(judged.verdict, value=math.nan, low=None, high=None, versus=None)
    assert sentence(replace(judged, verdict=nothing)) == "The accuracy on 360 test pictures could not be computed."
    because = "not defined because all samples are of one class"
    undefined = replace(nothing, missing=because, versus=replace(BETTER, metric="map", says="same"), never=[("dog", 9)])
    assert sentence(replace(judged, verdict=undefined)) == (
        f"The accuracy on 360 test pictures is {because}. Its mean average precision is 0.68; guessing scores 0.50: "
        "no clear difference. Never answers dog (0 of 9)."
    )
    tiles = render(replace(judged, verdict=undefined)).split("<nav")[0]
    assert because in tiles
    assert "no interval: not defined" not in tiles
    assert sentence(replace(judged, verdict=replace(judged.verdict, n=0))) == (
        "Nothing was measured: the test split holds no pictures."
    )
    assert sentence(replace(judged, skill="")).startswith("All pictures belong to one class")
