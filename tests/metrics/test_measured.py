"""A type of answer that the wing does not know: spans in sentences, judged by counts for each sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats

from tests.metrics.oracles import alone
from tl.errors import TLError
from tl.metrics.calibration import Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.guessing import compare
from tl.metrics.intervals import interval, intervals, wilson
from tl.metrics.jackknife import paired_difference, standard_error
from tl.metrics.measured import Measured, Prior, compute_metrics
from tl.metrics.one_class import MeasuredClasses
from tl.metrics.weighted import Statistic, mean, ratio

NO_PRIOR = Prior(np.zeros(0), np.zeros(0), np.zeros(0))


def span_f1(hits: Floats, said: Floats, true: Floats) -> Statistic:
    return lambda weights: ratio(2 * weights @ hits, weights @ (said + true))


def agreement(hits: Floats, said: Floats, true: Floats) -> Statistic:
    """The correlation of how many spans are found with how many there are."""

    def value(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        x, y = weights @ said / total, weights @ true / total
        spreads = (weights @ said**2 / total - x**2) * (weights @ true**2 / total - y**2)
        return ratio(weights @ (said * true) / total - x * y, np.sqrt(spreads))

    return value


class Spans(Measured):
    """For each sentence: how many spans are answered rightly, are answered, and are there (n,)."""

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "span_f1": span_f1,
        "missed": lambda hits, said, true: mean(true - hits),
        "agreement": agreement,
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {
        **METRICS,
        "span_f1": entry("span_f1", "classes", higher=True, label="span F1", undefined="there is no span"),
        "missed": entry("missed", "error", higher=False, spoken="spans missed in a sentence"),
        "agreement": entry("agreement", "ranks", higher=True, undefined="all counts are equal", blind=0.0),
    }
    main: ClassVar[str] = "span_f1"
    word: ClassVar[str] = "spans"

    def __init__(self, hits: npt.ArrayLike, said: npt.ArrayLike, true: npt.ArrayLike) -> None:
        self.counts = tuple(np.asarray(some, np.float64) for some in (hits, said, true))

    def __len__(self) -> int:
        return len(self.counts[0])

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.counts


def spans(n: int, seed: int = 0, found: float = 0.7) -> Spans:
    rng = np.random.default_rng(seed)
    true = rng.poisson(2.0, n)
    hits = rng.binomial(true, found)
    return Spans(hits, hits + rng.poisson(0.4, n), true)


def test_its_values_are_those_of_its_own_functions() -> None:
    found = compute_metrics(Spans([1, 0, 2], [1, 1, 2], [2, 0, 2]))
    assert found == {
        "span_f1": 2 * 3 / (4 + 4),
        "missed": pytest.approx(1 / 3),
        "agreement": pytest.approx(6 / math.sqrt(6 * 24)),
    }


def test_its_standard_errors_are_those_of_the_delta_method() -> None:
    """F1 is a ratio of means over sentences, whose error is that of its linear part (Cochran 1977)."""
    seen = spans(300)
    hits, said, true = seen.counts
    f1 = 2 * hits.sum() / (said + true).sum()
    expected = scipy.stats.sem(2 * hits - f1 * (said + true)) / (said + true).mean()
    assert standard_error(seen, "span_f1", alone(300)) == pytest.approx(expected, rel=0.02)
    other = Spans(hits * 0, said, true)
    assert paired_difference(seen, other, "span_f1", alone(300)).value == pytest.approx(f1)


def test_its_intervals_follow_from_the_family_of_each_metric() -> None:
    seen = spans(300)
    values, error = compute_metrics(seen), standard_error(seen, "span_f1", alone(300))
    f1 = values["span_f1"]
    found = intervals(seen, alone(300), resamples=200)
    expected = wilson(f1, f1 * (1 - f1) / error**2, scipy.stats.norm.ppf(0.975))
    assert found["span_f1"][:2] == pytest.approx(expected)
    fisher = np.arctanh(found["agreement"][:2])
    assert fisher.mean() == pytest.approx(np.arctanh(values["agreement"]))
    assert found["missed"].low < values["missed"] < found["missed"].high


@pytest.mark.parametrize("name", ["span_f1", "missed", "agreement"])
def test_its_intervals_hold_the_truth(name: str) -> None:
    truth = compute_metrics(spans(400_000, seed=1))[name]
    held = [one.low <= truth <= one.high for one in (interval(spans(80, seed), name, alone(80)) for seed in range(200))]
    assert 0.9 <= np.mean(held) <= 0.99


def test_what_it_does_not_count_is_no_reason_against_an_interval() -> None:
    perfect = Spans([2] * 40, [2] * 40, [2] * 40)
    assert interval(perfect, "span_f1", alone(40))[:2] == pytest.approx(wilson(1.0, 40, scipy.stats.norm.ppf(0.975)))
    assert interval(spans(9), "span_f1", alone(9)).missing == "only 9 samples"
    assert interval(spans(40), "span_f1", np.arange(40) // 8).missing == "only 5 groups"


def test_what_has_no_value_says_why() -> None:
    nothing = Spans([0] * 20, [0] * 20, [0] * 20)
    assert interval(nothing, "span_f1", alone(20)).missing == "not defined because there is no span"
    empty = intervals(Spans([], [], []), alone(0), resamples=20)
    assert {one.missing for one in empty.values()} == {"not defined because there are no samples"}


def test_it_is_compared_with_guessing_where_all_blind_answers_have_one_value() -> None:
    seen = spans(300)
    found = compare(seen, "agreement", alone(300), NO_PRIOR)
    assert found is not None
    assert (found.guess, found.says) == (0.0, "better")
    assert found.low > 0
    assert compare(seen, "span_f1", alone(300), NO_PRIOR) is None


def test_its_metrics_are_checked_by_name() -> None:
    Spans.check_metric("span_f1")
    with pytest.raises(TLError, match=r"^'accuracy' is no metric of spans\. There is: span_f1, missed, agreement\.$"):
        Spans.check_metric("accuracy")
    with pytest.raises(TLError, match="Did you mean 'span_f1'"):
        spans(3).statistics(["spanf1"])


def test_a_column_without_a_name_is_a_bug() -> None:
    with pytest.raises(ValueError, match="2 names"):
        MeasuredClasses(np.full((4, 3), 1 / 3), np.zeros(4, np.int64), ["a", "b"])
