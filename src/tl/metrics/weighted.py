"""Metrics as functions of sample weights: one computation gives a metric's value and its standard error.

A Statistic takes weights (r, n), whose rows each say how often each of the n samples counts, and gives values (r,). A
row of ones gives the metric's value. A row that leaves out a block of samples gives the value without them, and from
the values without each block follow standard error and interval (jackknife.py). So all metrics see the same resamples,
and no sample is copied. A value is nan where the metric is undefined.
Shapes: r rows, n samples, c classes or labels, k target columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from tl.metrics.calibration import Array, Floats

Statistic: TypeAlias = Callable[[Floats], Floats]
Builder: TypeAlias = Callable[[Floats, Array], Statistic]
"""A metric before it has data: from scores and targets to the Statistic of these samples."""


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below; nan where below is 0."""
    undefined: Floats = np.full(np.broadcast(above, below).shape, np.nan)
    return np.divide(above, below, out=undefined, where=below != 0)


def mean_defined(values: Floats) -> Floats:
    """The mean over the last axis of the values that are not nan; nan where all are nan."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def mean(per_sample: Array) -> Statistic:
    """The weighted mean of one value for each sample (n,)."""
    return lambda weights: weights @ per_sample.astype(np.float64) / weights.sum(axis=1)


def group_sums(groups: Array, size: int) -> Statistic:
    """A function that sums values (r, n) over the samples of each group, into (r, size); `groups` (n,) are numbers."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def sums(values: Floats) -> Floats:
        answer = np.zeros((len(values), size))
        answer[:, present] = np.add.reduceat(values.take(order, axis=1), starts, axis=1)
        return answer

    return sums


def mass(values: Floats, at: Floats, weights: Floats, *sides: Literal["left", "right"]) -> list[Floats]:
    """The weight of all values below each number in `at` ("left"), or not above the number ("right").

    The result has an array (r, len(at)) for each side.
    """
    order = np.argsort(values)
    cuts = [np.searchsorted(values[order], at, side=side) for side in sides]
    pieces = weights.take(order, axis=1)
    if 8 * len(at) < len(values):  # with few numbers to look up, it is faster to add what lies between them first
        starts = np.unique(np.concatenate([[0], *cuts]))
        starts = starts[starts < len(values)]
        pieces = np.add.reduceat(pieces, starts, axis=1)
        cuts = [np.searchsorted(starts, cut) for cut in cuts]
    running = np.zeros((len(weights), pieces.shape[1] + 1))
    np.cumsum(pieces, axis=1, out=running[:, 1:])
    return [running.take(cut, axis=1) for cut in cuts]


def area(scores: Floats, positive: Array, weights: Floats) -> Floats:
    """Area under the ROC curve by weighted mid-ranks, where a tie counts one half; nan unless both classes occur."""
    at, chosen = _positives(scores, positive, weights)
    hits = chosen.sum(axis=1)
    low, high = mass(scores, at, weights, "left", "right")
    rank_sum: Floats = np.einsum("rn,rn->r", chosen, low + high) / 2
    return ratio(rank_sum - hits**2 / 2, hits * (weights.sum(axis=1) - hits))


def average_precision(scores: Floats, positive: Array, weights: Floats) -> Floats:
    """Precision at each distinct threshold, weighted by the recall that it gains; nan without a positive."""
    at, chosen = _positives(scores, positive, weights)
    if not len(at):
        return np.full(len(weights), np.nan)
    hits = chosen.sum(axis=1, keepdims=True)
    found = weights.sum(axis=1, keepdims=True) - mass(scores, at, weights, "left")[0]
    right = hits - mass(at, at, chosen, "left")[0]
    precision = right / np.maximum(found, 1.0)  # where nothing is found, the weights of the positives are 0
    gained: Floats = np.einsum("rn,rn->r", chosen, precision)
    return ratio(gained, hits[:, 0])


def _positives(scores: Floats, positive: Array, weights: Floats) -> tuple[Floats, Floats]:
    """The scores of the positives in ascending order, and their weights; this order makes later look-ups faster."""
    chosen = np.flatnonzero(positive)
    chosen = chosen[np.argsort(scores[chosen])]
    return scores[chosen], weights.take(chosen, axis=1)
