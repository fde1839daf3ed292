"""Whether a model does better than guessing: its metric less that of the best answer that does not look at the input.

The difference is paired: both are taken over the same samples and the same resamples. The guess is chosen on other
samples than those judged (on training and validation data), as the model was; chosen on the judged samples, it would
profit from their luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tl.metrics.calibration import Floats
from tl.metrics.catalogue import Metric
from tl.metrics.evidence import Evidence
from tl.metrics.intervals import LEVEL, Estimate, interval_of, quantile_for, scale_of
from tl.metrics.jackknife import Blocks
from tl.metrics.measured import Measured, Prior
from tl.metrics.units import Units

Says = Literal["better", "worse", "same", "unknown"]
_ROUNDING = 1e-9


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


def compare(measured: Measured, name: str, units: Units, prior: Prior) -> AgainstGuess | None:
    """The metric against guessing; None where no guess is the best one, or where either is undefined."""
    with np.errstate(all="ignore"):
        own = measured.statistics([name])[name]
        other = measured.guess(name, prior) if len(measured) else None
        if other is None:
            return None
        ones = np.ones((1, len(measured)))
        value, guessed = float(own(ones)[0]), float(other(ones)[0])
    if math.isnan(value) or math.isnan(guessed):
        return None
    metric, evidence, blocks = measured.catalogue[name], measured.evidence(units), Blocks.deal(units)
    without = blocks.without_each({"own": own, "other": other})
    undefined = any(np.isnan(values).any() for values in without.values())
    if missing := evidence.few_units() or evidence.rare_class(metric) or (evidence.fragile if undefined else ""):
        return AgainstGuess(name, value, guessed, math.nan, math.nan, "unknown", missing)
    estimates = Estimate(value, without["own"], blocks), Estimate(guessed, without["other"], blocks)
    low, high = _difference(metric, *estimates, evidence)
    better = (low + high > 0) == metric.higher
    same = low <= 0 <= high
    if metric.family == "share" and not evidence.grouped and len(blocks) == evidence.samples:
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
        if metric.blind is not None:
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
