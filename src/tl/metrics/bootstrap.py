"""Confidence intervals of metrics: the percentile bootstrap over the samples of a split (Efron 1979).

A resample is a row of sample weights that says how often each sample was drawn (weighted.py). Each metric costs about
n * resamples additions; auroc and map cost that for each class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import statistics
from tl.space import Kind

Interval: TypeAlias = tuple[float, float]

# How many resamples are computed at once at most, and how many weights (32 MiB) if a single resample has no more.
_ROWS = 64
_CELLS = 2**22


def interval(
    kind: Kind, name: str, scores: Array, targets: Array, *, seed: int, resamples: int = 1000, level: float = 0.95
) -> Interval:
    """The interval of one metric, as `intervals` gives it."""
    return intervals(kind, scores, targets, only=[name], seed=seed, resamples=resamples, level=level)[name]


def intervals(
    kind: Kind,
    scores: Array,
    targets: Array,
    *,
    only: Iterable[str] | None = None,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The low and the high end of each metric's interval, all over the same resamples.

    `only` names the metrics (None: all that are defined for `kind`); the other inputs are those of `compute_metrics`.
    Resamples in which a metric is undefined are left out of its interval, which is (nan, nan) if no resample is left.
    Resampling biases ECE upwards, so the interval of ECE may lie above its value.
    """
    with np.errstate(all="ignore"):
        bound = statistics(kind, scores, targets, only)
    n = len(targets)
    if not n or not resamples:
        return dict.fromkeys(bound, (math.nan, math.nan))
    rng = np.random.default_rng(seed)
    rows = max(1, min(_ROWS, _CELLS // n))
    values: dict[str, list[Floats]] = {name: [] for name in bound}
    for start in range(0, resamples, rows):
        weights = counts(rng.integers(0, n, (min(rows, resamples - start), n)))
        with np.errstate(all="ignore"):
            for name, statistic in bound.items():
                values[name].append(statistic(weights))
    return {name: percentile_interval(np.concatenate(parts), level) for name, parts in values.items()}


def counts(drawn: Array) -> Floats:
    """How often each sample occurs in each row of drawn indices (r, n): (r, n)."""
    rows, n = drawn.shape
    cells = drawn + n * np.arange(rows)[:, None]
    return np.bincount(cells.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def percentile_interval(values: Floats, level: float) -> Interval:
    """The ends of the central `level` share of the values that are not nan."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
