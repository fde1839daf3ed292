"""Confidence intervals of metrics, or the reason why a metric has none.

All rest on the same resamples, which leave out one block of independent units each (jackknife.py):
- shares, and figures from 0 to 1 or from -1 to 1 that are made of answers: Wilson's interval (1927) with the number of
  independent samples that has the metric's standard error, so that groups and classes count as what they tell; for a
  mean of shares, the wider of this and of Wilson's for each;
- mean losses and errors, means of squares, correlations: Student's interval on a scale on which the error hardly
  depends on the value (logarithm, Fisher 1915). It is wider on the side to which errors would move the metric that are
  larger than all that were seen, the more so the fewer samples make up the metric.
scripts/bench/coverage.py counts how often each of them holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tl.metrics.calibration import Floats
from tl.metrics.catalogue import Metric
from tl.metrics.evidence import Evidence
from tl.metrics.jackknife import Blocks
from tl.metrics.measured import Measured
from tl.metrics.quantiles import normal_quantile, t_quantile
from tl.metrics.units import Units

LEVEL = 0.95
NOT_DEFINED = "not defined because"
_ROUNDING = 1e-9
_RARE = {1: 0.1054, 2: 0.5318}
"""The expected number of events of which 1, or 2, or more are seen with 10 % probability (Poisson)."""


class Interval(NamedTuple):
    """The low and the high end; both nan where there is none, and then `missing` says why in a few words."""

    low: float = math.nan
    high: float = math.nan
    missing: str = ""


@dataclass(frozen=True)
class Estimate:
    """A metric's value, and its values without each of the blocks of units."""

    value: float
    without: Floats
    blocks: Blocks

    def on(self, scale: Callable[[Floats], Floats]) -> Estimate:
        return Estimate(float(scale(np.array(self.value))), scale(self.without), self.blocks)

    @property
    def error(self) -> float:
        return self.blocks.error(self.value, self.without)


def interval(measured: Measured, name: str, units: Units) -> Interval:
    """The 95 % interval of one metric, as `intervals` gives it."""
    return intervals(measured, units, only=[name], resamples=200)[name]


def intervals(
    measured: Measured, units: Units, *, only: Iterable[str] | None = None, resamples: int
) -> dict[str, Interval]:
    """Each metric's 95 % interval; the samples are in independent `units` (n,), see `independent_units`.

    `only` names the metrics (None: all of them). There are at most as many `resamples`; 0 asks for no interval of any
    metric.
    """
    with np.errstate(all="ignore"):
        bound = measured.statistics(only)
        values = {name: float(one(np.ones((1, len(measured))))[0]) for name, one in bound.items()}
    evidence = measured.evidence(units)

    def reason(name: str, value: float) -> str:
        if math.isnan(value):
            return f"{NOT_DEFINED} {measured.why_undefined(name)}"
        return evidence.reason_against(measured.catalogue[name]) if resamples > 1 else f"loop.bootstrap is {resamples}"

    reasons = {name: reason(name, value) for name, value in values.items()}
    blocks = Blocks.deal(units, max(1, resamples))
    without = blocks.without_each({name: one for name, one in bound.items() if not reasons[name]})
    found = {name: Interval(missing=reason) for name, reason in reasons.items()}
    for name, left in without.items():
        with np.errstate(all="ignore"):
            found[name] = interval_of(measured.catalogue[name], Estimate(values[name], left, blocks), evidence)
    return found


def interval_of(metric: Metric, found: Estimate, evidence: Evidence) -> Interval:
    """The interval of a metric that `evidence` has no reason against."""
    if np.isnan(found.without).any():
        return Interval(missing=evidence.fragile)
    quantile = quantile_for(metric, found.blocks, evidence)
    match metric.family:
        case "share" if not evidence.grouped:
            return Interval(*wilson(found.value, evidence.samples, quantile))
        case "recalls" if len(evidence.hits):
            # That of the whole mean is too narrow where one class decides, that of the classes where recalls are small.
            whole = wilson(found.value, _size(metric, found, evidence), quantile)
            classes = _mean_of_shares(found, evidence, quantile)
            return Interval(min(whole[0], classes[0]), max(whole[1], classes[1]))
        case "share" | "recalls" | "classes":
            return Interval(*wilson(found.value, _size(metric, found, evidence), quantile))
        case "association":
            half = found.on(lambda values: (values + 1) / 2)
            low, high = wilson(half.value, _size(metric, half, evidence), quantile)
            return Interval(2 * low - 1, 2 * high - 1)
    return _on_a_scale(metric, found, evidence, quantile)


def quantile_for(metric: Metric, blocks: Blocks, evidence: Evidence) -> float:
    """How many standard errors wide the interval is: Student's, but the normal number for figures of single answers."""
    answers = metric.family in ("share", "recalls", "classes", "association") and not evidence.grouped
    return normal_quantile((1 + LEVEL) / 2) if answers else t_quantile((1 + LEVEL) / 2, len(blocks) - 1)


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share that was seen in `size` independent samples; a size need not be whole.

    Where 1 or 2 samples are hits or misses, it is widened as Brown, Cai and DasGupta say (2001), with 10 % for their
    5 %, so that it holds any share with at least 90 %.
    """
    square = quantile**2 / size
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(max(0.0, share * (1 - share)) * square + square**2 / 4) / (1 + square)
    hits, misses = (int(size * part + _ROUNDING) for part in (share, 1 - share))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    if hits in _RARE:
        low = min(low, _RARE[hits] / size)
    if misses in _RARE:
        high = max(high, 1 - _RARE[misses] / size)
    return low, high


def _mean_of_shares(found: Estimate, evidence: Evidence, quantile: float) -> tuple[float, float]:
    """The interval of a mean of independent shares from their own intervals (Zou and Donner 2008)."""
    counts, hits, units = (
        some[evidence.by_samples > 0] for some in (evidence.by_samples, evidence.hits, evidence.by_units)
    )
    shares = hits / counts
    expected = float((shares * (1 - shares) / counts).sum()) / len(counts) ** 2
    design = found.error**2 / expected if expected > _ROUNDING else (counts / units).max()
    sizes = counts / max(1.0, design) if evidence.grouped else counts
    ends = np.array([wilson(float(p), float(n), quantile) for p, n in zip(shares, sizes, strict=True)])
    down, up = np.sqrt(((ends - shares[:, None]) ** 2).sum(axis=0)) / len(counts)
    return max(0.0, found.value - down), min(1.0, found.value + up)


def _size(metric: Metric, found: Estimate, evidence: Evidence) -> float:
    """The number of independent samples in which a share of this value has this standard error.

    Where no block makes a difference, each counts as one sample.
    """
    error, spread = found.error, found.value * (1 - found.value)
    if min(error, spread) < _ROUNDING:
        return evidence.largest_size(metric, of_units=True)
    return min(evidence.largest_size(metric, of_units=False), spread / error**2)


def _minus_log_rest(values: Floats) -> Floats:
    return np.asarray(-np.log(1 - values))


Scale = tuple[Callable[[Floats], Floats], Callable[[float], float]]
_FISHER: Scale = (np.arctanh, math.tanh)
_LOG: Scale = (np.log, math.exp)
_R2: Scale = (_minus_log_rest, lambda value: 1 - math.exp(-value))
_SCALES: Mapping[str, Scale] = {"r2": _R2, "pearson": _FISHER}


def scale_of(metric: Metric) -> Scale:
    """The scale for a metric that is no share, and the way back."""
    return _FISHER if metric.family == "ranks" else _SCALES.get(metric.name, _LOG)


def _on_a_scale(metric: Metric, found: Estimate, evidence: Evidence, quantile: float) -> Interval:
    to, back = scale_of(metric)
    scaled = found.on(to)
    # Without its largest loss a mean may be a fraction of itself, so that the leave-out logarithms overstate the error.
    mean = metric.family in ("loss", "error") and found.value > 0
    error = found.error / found.value if mean else scaled.error
    if not math.isfinite(error):
        return Interval(missing="the predictions are without error")
    wide = quantile * _width(metric, error, evidence)
    down, up = (wide, quantile) if metric.higher else (quantile, wide)
    return Interval(back(scaled.value - down * error), back(scaled.value + up * error))


def _width(metric: Metric, error: float, evidence: Evidence) -> float:
    """How much wider than Student's the interval is on the side of errors that are larger than all that were seen."""
    if metric.family == "squares":
        return (2.0 if metric.name == "rmse" else 1.75) if evidence.heavy_tails else 1.0
    return 1 + min(0.5, 2.5 * error) if metric.family in ("loss", "error") else 1.0
