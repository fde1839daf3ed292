"""Metrics of classes and labels: scores are probabilities (n, c), targets are classes (n,) or 0/1 labels (n, c)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tl.metrics.calibration import BINS, Array, Floats, bin_index, confidences
from tl.metrics.weighted import Statistic, area, average_precision, group_sums, mean, mean_defined, ratio

THRESHOLD = 0.5
"""A label counts as predicted from this probability on."""

_TINY = float(np.finfo(np.float64).eps)


def accuracy(scores: Floats, targets: Array) -> Statistic:
    """The share of samples whose highest score is that of the true class."""
    return mean(scores.argmax(axis=1) == targets)


def top5(scores: Floats, targets: Array) -> Statistic:
    """The share of samples whose true class is among the five highest scores; ties go to the earlier class."""
    true = np.take_along_axis(scores, targets[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < targets[:, None]
    ahead = ((scores > true) | ((scores == true) & earlier)).sum(axis=1)
    return mean(ahead < min(5, scores.shape[1]))


def _class_counts(scores: Floats, targets: Array) -> Callable[[Floats], tuple[Floats, Floats, Floats]]:
    """A function from weights to each class's weight of hits, of samples and of predictions, each (r, c)."""
    predicted, size = scores.argmax(axis=1), scores.shape[1]
    hits = (predicted == targets).astype(np.float64)
    by_target, by_prediction = group_sums(targets, size), group_sums(predicted, size)
    return lambda weights: (by_target(weights * hits), by_target(weights), by_prediction(weights))


def balanced_accuracy(scores: Floats, targets: Array) -> Statistic:
    """Recall, averaged over the classes that are present."""
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, _ = counts(weights)
        return mean_defined(ratio(hits, support))

    return value


def macro_f1_single(scores: Floats, targets: Array) -> Statistic:
    """F1, averaged over the classes that are present or predicted."""
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, predicted = counts(weights)
        return mean_defined(ratio(2 * hits, support + predicted))

    return value


def mcc(scores: Floats, targets: Array) -> Statistic:
    """Matthews' correlation of the predicted and the true class (Gorodkin 2004); 0 is chance."""
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, predicted = counts(weights)
        total = support.sum(axis=1)
        spread = total**2 - (predicted**2).sum(axis=1)
        spread[spread == 0] = 1.0  # all predictions are equal, so the covariance is 0, and the coefficient is 0 too
        covariance = hits.sum(axis=1) * total - (support * predicted).sum(axis=1)
        return ratio(covariance, np.sqrt(spread) * np.sqrt(total**2 - (support**2).sum(axis=1)))

    return value


def auroc(scores: Floats, targets: Array) -> Statistic:
    """Area under the ROC curve of each class against the rest, averaged over the classes that are present.

    Two classes have the same area, so only the second is computed.
    """
    classes = [1] if scores.shape[1] == 2 else [int(c) for c in np.unique(targets)]

    def value(weights: Floats) -> Floats:
        return mean_defined(np.stack([area(scores[:, c], targets == c, weights) for c in classes], axis=-1))

    return value


def log_loss_single(scores: Floats, targets: Array) -> Statistic:
    """The mean negative log probability of the true class, in nats."""
    return mean(-np.log(np.clip(scores[np.arange(len(targets)), targets], _TINY, 1.0)))


def brier_single(scores: Floats, targets: Array) -> Statistic:
    """The squared error of the probabilities, summed over the classes."""
    error = scores.copy()
    error[np.arange(len(targets)), targets] -= 1.0
    return mean((error**2).sum(axis=1))


def expected_calibration_error(scores: Floats, targets: Array) -> Statistic:
    """The mean gap between confidence and accuracy over `BINS` equal-width bins (Guo et al. 2017)."""
    confidence, correct = confidences(scores, targets)
    sums = group_sums(bin_index(confidence, BINS), BINS)
    return lambda weights: np.abs(sums(weights * (confidence - correct))).sum(axis=1) / weights.sum(axis=1)


def mean_average_precision(scores: Floats, targets: Array) -> Statistic:
    """Average precision, averaged over the labels that have a positive."""
    positive = targets.astype(bool)

    def value(weights: Floats) -> Floats:
        columns = range(scores.shape[1])
        return mean_defined(
            np.stack([average_precision(scores[:, c], positive[:, c], weights) for c in columns], axis=-1)
        )

    return value


def macro_f1_multi(scores: Floats, targets: Array) -> Statistic:
    """F1, averaged over the labels that are present or predicted."""
    predicted = (scores >= THRESHOLD).astype(np.float64)
    return lambda weights: mean_defined(ratio(2 * weights @ (predicted * targets), weights @ (predicted + targets)))


def micro_f1(scores: Floats, targets: Array) -> Statistic:
    """F1 of the decisions on all labels taken together."""
    predicted = (scores >= THRESHOLD).astype(np.float64)
    hits, either = (predicted * targets).sum(axis=1), (predicted + targets).sum(axis=1)
    return lambda weights: ratio(2 * weights @ hits, weights @ either)


def log_loss_multi(scores: Floats, targets: Array) -> Statistic:
    """The mean negative log probability of the true answers, averaged over the labels, in nats."""
    safe = np.clip(scores, _TINY, 1.0 - _TINY)
    return mean(-(targets * np.log(safe) + (1.0 - targets) * np.log1p(-safe)).mean(axis=1))


def brier_multi(scores: Floats, targets: Array) -> Statistic:
    """The squared error of the probabilities, averaged over the labels."""
    return mean(((scores - targets) ** 2).mean(axis=1))
