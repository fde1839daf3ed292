"""The verdict: one sentence for each kind of run, which admits where guessing does as well."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tl.report.facts import Verdict
from tl.report.verdict import sentence

from .examples import EMPTY, multi, numeric, single


def test_the_verdict_of_each_kind() -> None:
    wide = replace(single(), names=[str(i) for i in range(9)])
    gap = "\u00a0"
    assert sentence(wide) == (
        f"Tells 9 groups apart with accuracy 0.68 (95{gap}%{gap}interval 0.63–0.72) on 360 test pictures."
    )
    assert sentence(replace(multi(), names=["a", "b"])) == (
        "Finds which of 2 labels apply with mean average precision 0.61 on 1 validation picture."
    )
    assert sentence(numeric()) == (
        f"Predicts price with mean absolute error 38.4 (95{gap}%{gap}interval 35.0–42.0) on 300 test rows."
    )
    assert sentence(replace(numeric(), names=["a", "b"])).startswith("Predicts 2 numbers with ")


@pytest.mark.parametrize(
    ("metric", "low", "high", "baseline", "expected"),
    [
        ("accuracy", 0.6, 0.7, 0.65, " Guessing scores 0.65: no clear difference."),
        ("accuracy", 0.6, 0.7, 0.8, " Guessing does better: 0.80."),
        ("accuracy", 0.6, 0.7, 0.5, "."),
        ("mae", 0.6, 0.7, 0.5, " Guessing does better: 0.50."),
        ("mae", None, None, 0.8, "."),
        ("accuracy", 0.6, 0.7, None, "."),
    ],
)
def test_the_verdict_admits_that_guessing_does_as_well(
    metric: str, low: float | None, high: float | None, baseline: float | None, expected: str
) -> None:
    verdict = Verdict(metric=metric, split="test", value=0.65, low=low, high=high, n=9, baseline=baseline)
    words = sentence(replace(single(), verdict=verdict))
    assert words.endswith(f"9 test pictures.{expected}" if expected != "." else "9 test pictures.")


def test_the_verdict_of_runs_without_one() -> None:
    judged = single()
    assert judged.verdict is not None
    assert sentence(EMPTY) == "Nothing was measured: this run has no test or validation split."
    assert sentence(replace(judged, verdict=replace(judged.verdict, value=math.nan))) == (
        "The accuracy could not be computed on 360 test pictures."
    )
    assert sentence(replace(judged, verdict=replace(judged.verdict, n=0))) == (
        "Nothing was measured: the test split holds no pictures."
    )
    assert sentence(replace(judged, names=["cat"])).startswith("All pictures belong to one group")
