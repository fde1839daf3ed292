"""Probabilities from logits, their calibration, and the temperature that improves it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]

BINS = 15
"""The number of equal-width bins in reliability diagrams and in the expected calibration error."""

COLDEST, HOTTEST = 0.01, 1000.0
LEAST_FOR_TEMPERATURE = 50
"""Fewer samples leave the temperature at 1: fitted to them, it follows their luck."""

_HALVINGS = 30


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence lies in (lo, hi]; an empty bin has nan as confidence and accuracy."""

    lo: float
    hi: float
    count: int
    confidence: float
    accuracy: float


def softmax(logits: Array) -> Floats:
    """Probabilities over the last axis; a logit of -inf gives probability 0."""
    shifted = np.asarray(logits, np.float64)
    powers: Floats = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    total: Floats = powers.sum(axis=-1, keepdims=True)
    return powers / total


def sigmoid(logits: Array) -> Floats:
    """Probabilities of independent labels, without overflow at either end."""
    values = np.asarray(logits, np.float64)
    small = np.exp(-np.abs(values))
    answer: Floats = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return answer


def fit_temperature(logits: Array, true: Array, probabilities: Callable[[Array], Floats]) -> float:
    """The temperature T in [0.01, 1000] for which `probabilities` of logits / T (n, c) have the lowest log loss.

    `probabilities` is `softmax` or `sigmoid`; `true` are the 0/1 answers (n, c). For fewer than `LEAST_FOR_TEMPERATURE`
    samples the result is 1. The log loss is convex in 1 / T, so its slope changes sign once, and bisection on log T
    finds where (Guo et al. 2017).
    """
    if len(true) < LEAST_FOR_TEMPERATURE:
        return 1.0
    values = np.asarray(logits, np.float64)
    low, high = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slope = float(((probabilities(values / math.exp(middle)) - true) * values).sum())
        low, high = (middle, high) if slope > 0 else (low, middle)
    return math.exp((low + high) / 2)


def reliability(scores: Array, targets: Array, bins: int = BINS) -> list[Bin]:
    """The bins of a reliability diagram, from scores (n, c) and true classes (n,).

    Each prediction's confidence is the probability of the predicted class. With 0/1 targets (n, c), the probability of
    every label counts as a prediction.
    """
    confidence, correct = confidences(scores, targets) if targets.ndim == 1 else (scores.ravel(), targets.ravel())
    index = bin_index(confidence, bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    answer = []
    for i in range(bins):
        inside = index == i
        count = int(inside.sum())
        mean = float(confidence[inside].mean()) if count else math.nan
        accuracy = float(correct[inside].mean()) if count else math.nan
        answer.append(Bin(float(edges[i]), float(edges[i + 1]), count, mean, accuracy))
    return answer


def confidences(scores: Array, targets: Array) -> tuple[Floats, Floats]:
    """The probability of the predicted class, and whether the prediction is right (0/1), each (n,)."""
    values = np.asarray(scores, np.float64)
    return values.max(axis=1), (values.argmax(axis=1) == targets).astype(np.float64)


def bin_index(confidence: Array, bins: int) -> NDArray[np.intp]:
    """The number of the equal-width bin (lo, hi] over [0, 1] for each confidence; 0 belongs to the first bin."""
    return np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidence, side="left")
