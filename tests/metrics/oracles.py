"""What several tests of metrics compare with: formulas of the papers, written without the code under test."""

import math

import numpy as np

from tl.evaluation.former import MEASURED
from tl.metrics.units import independent_units


def alone(n):
    """Units of one sample each."""
    return independent_units([None] * n)


def seen(kind, scores, targets, names=None):
    """The answers of a kind, to outputs that are called c0, c1, ... where `names` is None."""
    return MEASURED[kind](scores, targets, [f"c{i}" for i in range(scores.shape[1])] if names is None else names)


def delong():
    """A problem of two classes: its probabilities and targets, its area under the ROC curve, and that area's error.

    The error is from the variance of the placements of the positives and of the negatives (DeLong et al. 1988).
    """
    rng = np.random.default_rng(3)
    y = np.arange(90) % 3 == 0
    s = rng.normal(size=90) + y
    above = (s[y][:, None] > s[~y][None, :]).astype(float)
    error = math.sqrt(above.mean(1).var(ddof=1) / y.sum() + above.mean(0).var(ddof=1) / (~y).sum())
    p = 1 / (1 + np.exp(-s))
    return np.stack([1 - p, p], 1), y.astype(int), above.mean(), error
