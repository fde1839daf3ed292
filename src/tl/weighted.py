"""Arithmetic under sample weights: a row of ones gives a metric's value, resampling counts give its bootstrap.

A statistic takes weights (r, n), row by row how often each sample counts, and answers (r,); nan where it is undefined.
Shapes: r rows, n samples, c classes or labels, k target columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tl.calibration import Array, Floats

Statistic: TypeAlias = Callable[[Floats], Floats]
Builder: TypeAlias = Callable[[Floats, Array], Statistic]


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below, nan where below is 0."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def mean_defined(values: Floats) -> Floats:
    """The mean over the last axis of what is not nan; nan if nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def mean(per_sample: Array) -> Statistic:
    return lambda weights: weights @ per_sample.astype(np.float64) / weights.sum(axis=1)


def group_sums(groups: Array, size: int) -> Statistic:
    """Sums of (r, n) over the samples of each group: (r, size)."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def sums(values: Floats) -> Floats:
        answer = np.zeros((len(values), size))
        answer[:, present] = np.add.reduceat(values.take(order, axis=1), starts, axis=1)
        return answer

    return sums


def mass(values: Floats, at: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """How much weight lies below, and how much at or below, each of the values `at`: two of (r, len(at))."""
    order = np.argsort(values)
    ordered = values[order]
    running = np.zeros((len(weights), len(values) + 1))
    np.cumsum(weights.take(order, axis=1), axis=1, out=running[:, 1:])
    below, upto = (np.searchsorted(ordered, at, side=side) for side in ("left", "right"))
    return running.take(below, axis=1), running.take(upto, axis=1)


def area(scores: Floats, positive: Array, weights: Floats) -> Floats:
    """Area under the ROC curve by weighted mid-ranks, ties counting one half; nan without both classes."""
    chosen = weights[:, positive]
    hits = chosen.sum(axis=1)
    below, upto = mass(scores, scores[positive], weights)
    rank_sum = np.einsum("rn,rn->r", chosen, below + upto) / 2
    return ratio(rank_sum - hits**2 / 2, hits * (weights.sum(axis=1) - hits))


def average_precision(scores: Floats, positive: Array, weights: Floats) -> Floats:
    """Precision at each distinct threshold weighted by the recall it gains; nan without a positive."""
    chosen = weights[:, positive]
    hits, total = chosen.sum(axis=1, keepdims=True), weights.sum(axis=1, keepdims=True)
    at = scores[positive]
    found = total - mass(scores, at, weights)[0]
    right = hits - mass(at, at, chosen)[0]
    precision = right / np.maximum(found, 1.0)  # nothing found: nothing chosen, weight 0
    return ratio(np.einsum("rn,rn->r", chosen, precision), hits[:, 0])
