"""Metrics of numbers: scores and targets are (n, k); a metric's value is its mean over the columns."""

from __future__ import annotations

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.weighted import Statistic, mass, mean, mean_defined, ratio

_ROUNDING = 1e-12


def mae(scores: Floats, targets: Array) -> Statistic:
    """Mean absolute error, in the unit of the target."""
    return mean(np.abs(scores - targets).mean(axis=1))


def rmse(scores: Floats, targets: Array) -> Statistic:
    """Root mean squared error, in the unit of the target."""
    squared = (scores - targets) ** 2
    return lambda weights: np.sqrt(weights @ squared / weights.sum(axis=1, keepdims=True)).mean(axis=1)


def _moments(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each column, each (r, k); a variance within rounding of 0 is 0."""
    total = weights.sum(axis=1, keepdims=True)
    average, square = weights @ values / total, weights @ values**2 / total
    variance = square - average**2
    return average, np.where(variance <= _ROUNDING * square, 0.0, variance)


def _centred(values: Floats) -> Floats:
    return values - np.median(values, axis=0)


def r2(scores: Floats, targets: Array) -> Statistic:
    """The share of the target's variance that is explained; predicting the mean gives 0."""
    squared, centred = (scores - targets) ** 2, _centred(targets)

    def value(weights: Floats) -> Floats:
        error = weights @ squared / weights.sum(axis=1, keepdims=True)
        return mean_defined(1.0 - ratio(error, _moments(centred, weights)[1]))

    return value


def pearson(scores: Floats, targets: Array) -> Statistic:
    """The linear correlation of prediction and target."""
    x, y = _centred(scores), _centred(targets)

    def value(weights: Floats) -> Floats:
        (mean_x, variance_x), (mean_y, variance_y) = _moments(x, weights), _moments(y, weights)
        covariance = weights @ (x * y) / weights.sum(axis=1, keepdims=True) - mean_x * mean_y
        return mean_defined(np.clip(ratio(covariance, np.sqrt(variance_x) * np.sqrt(variance_y)), -1.0, 1.0))

    return value


def spearman(scores: Floats, targets: Array) -> Statistic:
    """The rank correlation of prediction and target."""

    def ranks(values: Floats, weights: Floats) -> Floats:
        """Mid-ranks about their mean, doubled so that they are whole numbers."""
        below, upto = mass(values, values, weights, "left", "right")
        doubled: Floats = below + upto - weights.sum(axis=1, keepdims=True)
        return doubled

    def column(x: Floats, y: Floats, weights: Floats) -> Floats:
        a, b = ranks(x, weights), ranks(y, weights)
        weighted_a = weights * a
        product: Floats = np.einsum("rn,rn->r", weighted_a, b)
        squares: Floats = np.einsum("rn,rn->r", weighted_a, a) * np.einsum("rn,rn->r", weights * b, b)
        answer: Floats = ratio(product, np.sqrt(squares)).clip(-1.0, 1.0)
        return answer

    def value(weights: Floats) -> Floats:
        columns = range(scores.shape[1])
        return mean_defined(np.stack([column(scores[:, k], targets[:, k], weights) for k in columns], axis=-1))

    return value
