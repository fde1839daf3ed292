"""Whether a model does better than guessing: its metric less that of the best answer that does not look at the input.

The difference is paired: both are taken over the same samples and the same resamples. The guess is chosen on other
samples than those judged (on training and validation data), as the model was; chosen on the judged samples, it would
profit from their luck.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, statistics
from tl.metrics.evidence import Evidence
from tl.metrics.intervals import LEVEL, Estimate, interval_of, quantile_for, scale_of
from tl.metrics.jackknife import Blocks, Units
from tl.metrics.weighted import Statistic, mean_defined, ratio
from tl.space import Kind

Says = Literal["better", "worse", "same", "unknown"]
_ROUNDING = 1e-9
_FIXED: Mapping[str, float] = {"auroc": 0.5, "mcc": 0.0, "pearson": 0.0, "spearman": 0.0}
"""The value of metrics that no answer can move without a look at the input."""


@dataclass(frozen=True)
class Prior:
    """What is known of the true answers without the judged samples.

    `shares` are those of the classes or labels (c,), none of them 0 or 1; `mean` and `median` (k,) those of numbers.
    """

    shares: Floats
    mean: Floats
    median: Floats

    @classmethod
    def of_counts(cls, counts: Floats, samples: int, kind: Kind) -> Prior:
        """From how many of so many samples are of each class, or have each label (Jeffreys 1946)."""
        halves = len(counts) if kind == "single" else 2
        nothing = np.zeros(0)
        return cls((counts + 0.5) / (samples + 0.5 * halves), nothing, nothing)

    @classmethod
    def of_numbers(cls, targets: Floats) -> Prior:
        return cls(np.zeros(0), targets.mean(axis=0), np.median(targets, axis=0))


@dataclass(frozen=True)
class AgainstGuess:
    """A metric and the guess's, their difference (metric - guess) with its 95 % interval, and what that says.

    "better" and "worse" are said where the interval excludes 0; "unknown" where there is no interval, for the reason
    that `missing` gives.
    """

    metric: str
    value: float
    guess: float
    low: float
    high: float
    says: Says
    missing: str = ""


def guess(kind: Kind, name: str, prior: Prior, targets: Array) -> Statistic | None:
    """The metric of the best guess for it, as a function of sample weights; None where no guess is the best one.

    Guesses are the most frequent class (or five), the shares as probabilities, all labels or the most frequent ones,
    the median or the mean; for macro F1 of classes, answers drawn by the shares, which are better than any one class.
    """
    if METRICS[name].family == "bias":
        return None
    if name in _FIXED:
        return lambda weights: np.full(len(weights), _FIXED[name])
    if name == "macro_f1" and kind == "single":
        return _drawn_by_shares(prior.shares, np.asarray(targets, np.intp))
    row = _constant(kind, name, prior)
    scores = np.broadcast_to(row, (len(targets), len(row)))
    return statistics(kind, scores, targets, [name])[name]


def _constant(kind: Kind, name: str, prior: Prior) -> Floats:
    if kind == "number":
        return prior.median if name == "mae" else prior.mean
    if name == "macro_f1":
        return np.ones_like(prior.shares)
    if name == "micro_f1":
        ordered = np.sort(prior.shares)[::-1]
        most = int((np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())).argmax())
        return np.asarray(prior.shares >= ordered[most], np.float64)
    return prior.shares


def _drawn_by_shares(shares: Floats, targets: Array) -> Statistic:
    """The macro F1 that answers drawn by the shares are expected to have, from their expected counts."""
    true = np.eye(len(shares))[targets]

    def value(weights: Floats) -> Floats:
        support = weights @ true
        predicted = weights.sum(axis=1, keepdims=True) * shares
        return mean_defined(np.where(support > 0, ratio(2 * support * shares, support + predicted), np.nan))

    return value


def compare(
    kind: Kind, name: str, scores: Array, targets: Array, names: Sequence[str], units: Units, prior: Prior
) -> AgainstGuess | None:
    """The metric against guessing; None where no guess is the best one, or where either is undefined."""
    with np.errstate(all="ignore"):
        own = statistics(kind, scores, targets, [name])[name]
        other = guess(kind, name, prior, targets) if len(targets) else None
        if other is None:
            return None
        ones = np.ones((1, len(targets)))
        value, guessed = float(own(ones)[0]), float(other(ones)[0])
    if math.isnan(value) or math.isnan(guessed):
        return None
    evidence, blocks = Evidence.of(kind, scores, targets, names, units), Blocks.deal(units)
    without = blocks.without_each({"own": own, "other": other})
    undefined = any(np.isnan(values).any() for values in without.values())
    if missing := evidence.few_units() or evidence.rare_class(METRICS[name]) or (evidence.fragile if undefined else ""):
        return AgainstGuess(name, value, guessed, math.nan, math.nan, "unknown", missing)
    estimates = Estimate(value, without["own"], blocks), Estimate(guessed, without["other"], blocks)
    low, high = _difference(METRICS[name], *estimates, evidence)
    better = (low + high > 0) == METRICS[name].higher
    same = low <= 0 <= high
    if METRICS[name].family == "share" and not evidence.grouped and len(blocks) == evidence.samples:
        same = sign_test(blocks.parts(value - guessed, without["own"] - without["other"])) > 1 - LEVEL
    return AgainstGuess(name, value, guessed, low, high, "same" if same else "better" if better else "worse")


def sign_test(differences: Floats) -> float:
    """The mid-p value of as many or more signs of one kind (McNemar 1947; Fagerland et al. 2013)."""
    up, down = (int((np.rint(differences) == sign).sum()) for sign in (1, -1))
    fewer, both = min(up, down), up + down
    below = sum(math.comb(both, k) for k in range(fewer))
    return min(1.0, float((2 * below + math.comb(both, fewer)) / 2**both))


def _difference(metric: Metric, own: Estimate, other: Estimate, evidence: Evidence) -> tuple[float, float]:
    """The interval of the metric less the guess's.

    Where the guess is the same number in all resamples, it is the metric's own interval, without the greater width on
    the side of large errors. Else it is Student's of the difference; the jackknife corrects the bias of both, and Hall
    (1992) the skewness of losses, errors and figures of classes.
    """
    quantile = quantile_for(metric, own.blocks, evidence)
    parts = own.blocks.parts(own.value - other.value, own.without - other.without)
    with np.errstate(all="ignore"):
        if np.ptp(other.without) < _ROUNDING and metric.family in ("recalls", "classes", "association"):
            # Near guessing no class decides alone, so the interval of the whole mean does for recalls.
            plain = replace(metric, family="classes") if metric.family == "recalls" else metric
            low, high, _ = interval_of(plain, own, evidence)
            return low - other.value, high - other.value
        if metric.name in _FIXED:
            to, back = scale_of(metric)
            scaled = own.on(to)
            half = quantile * scaled.error
            return back(scaled.value - half) - other.value, back(scaled.value + half) - other.value
    if metric.family in ("share", "squares"):
        middle, half = float(parts.mean()), quantile * float(parts.std()) / math.sqrt(len(parts) - 1)
        return middle - half, middle + half
    return skewed_mean(parts, quantile)


def skewed_mean(values: Floats, quantile: float) -> tuple[float, float]:
    """Student's interval of a mean, corrected for skewness by Hall's transformation (1992)."""
    count, middle, spread = len(values), float(values.mean()), float(values.std())
    if spread < _ROUNDING * max(1.0, abs(middle)):
        return middle, middle
    error = spread / math.sqrt(count - 1)
    skewness = float(((values - middle) ** 3).mean()) / spread**3
    bend, shift = skewness / (3 * math.sqrt(count)), skewness / (6 * math.sqrt(count))

    def back(x: float) -> float:
        """The t whose transform t + bend t² + bend² t³ / 3 + shift is x."""
        return (math.cbrt(1 + 3 * bend * (x - shift)) - 1) / bend if abs(bend) > _ROUNDING else x - shift

    return middle - back(quantile) * error, middle - back(-quantile) * error
