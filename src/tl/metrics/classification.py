"""Metrics of classes and labels: scores are probabilities (n, c), targets are classes (n,) or 0/1 labels (n, c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tl.metrics.calibration import Array, Floats, bin_index, confidences
from tl.metrics.weighted import Builder, Statistic, area, average_precision, group_sums, mean, mean_defined, ratio

ECE_BINS = 15
THRESHOLD = 0.5
_TINY = float(np.finfo(np.float64).eps)


def _top5(scores: Floats, targets: Array) -> Statistic:
    true = np.take_along_axis(scores, targets[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < targets[:, None]
    ahead = ((scores > true) | ((scores == true) & earlier)).sum(axis=1)
    return mean(ahead < min(5, scores.shape[1]))


def _class_counts(scores: Floats, targets: Array) -> Callable[[Floats], tuple[Floats, Floats, Floats]]:
    """The hits, the support and the predictions of each class, each (r, c)."""
    predicted, size = scores.argmax(axis=1), scores.shape[1]
    hits = (predicted == targets).astype(np.float64)
    by_target, by_prediction = group_sums(targets, size), group_sums(predicted, size)
    return lambda weights: (by_target(weights * hits), by_target(weights), by_prediction(weights))


def _balanced_accuracy(scores: Floats, targets: Array) -> Statistic:
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, _ = counts(weights)
        return mean_defined(ratio(hits, support))

    return value


def _macro_f1_single(scores: Floats, targets: Array) -> Statistic:
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, predicted = counts(weights)
        return mean_defined(ratio(2 * hits, support + predicted))

    return value


def _mcc(scores: Floats, targets: Array) -> Statistic:
    counts = _class_counts(scores, targets)

    def value(weights: Floats) -> Floats:
        hits, support, predicted = counts(weights)
        total = support.sum(axis=1)
        spread = total**2 - (predicted**2).sum(axis=1)
        spread[spread == 0] = 1.0  # all predictions are alike: the covariance is 0, and so is the coefficient
        covariance = hits.sum(axis=1) * total - (support * predicted).sum(axis=1)
        return ratio(covariance, np.sqrt(spread) * np.sqrt(total**2 - (support**2).sum(axis=1)))

    return value


def _auroc(scores: Floats, targets: Array) -> Statistic:
    classes = [1] if scores.shape[1] == 2 else [int(c) for c in np.unique(targets)]

    def value(weights: Floats) -> Floats:
        return mean_defined(np.stack([area(scores[:, c], targets == c, weights) for c in classes], axis=-1))

    return value


def _log_loss_single(scores: Floats, targets: Array) -> Statistic:
    return mean(-np.log(np.clip(scores[np.arange(len(targets)), targets], _TINY, 1.0)))


def _brier_single(scores: Floats, targets: Array) -> Statistic:
    error = scores.copy()
    error[np.arange(len(targets)), targets] -= 1.0
    return mean((error**2).sum(axis=1))


def _ece(scores: Floats, targets: Array) -> Statistic:
    confidence, correct = confidences(scores, targets)
    sums = group_sums(bin_index(confidence, ECE_BINS), ECE_BINS)
    return lambda weights: np.abs(sums(weights * (confidence - correct))).sum(axis=1) / weights.sum(axis=1)


def _map(scores: Floats, targets: Array) -> Statistic:
    positive = targets.astype(bool)

    def value(weights: Floats) -> Floats:
        columns = range(scores.shape[1])
        return mean_defined(
            np.stack([average_precision(scores[:, c], positive[:, c], weights) for c in columns], axis=-1)
        )

    return value


def _macro_f1_multi(scores: Floats, targets: Array) -> Statistic:
    predicted = (scores >= THRESHOLD).astype(np.float64)
    return lambda weights: mean_defined(ratio(2 * weights @ (predicted * targets), weights @ (predicted + targets)))


def _micro_f1(scores: Floats, targets: Array) -> Statistic:
    predicted = (scores >= THRESHOLD).astype(np.float64)
    hits, either = (predicted * targets).sum(axis=1), (predicted + targets).sum(axis=1)
    return lambda weights: ratio(2 * weights @ hits, weights @ either)


def _log_loss_multi(scores: Floats, targets: Array) -> Statistic:
    safe = np.clip(scores, _TINY, 1.0 - _TINY)
    return mean(-(targets * np.log(safe) + (1.0 - targets) * np.log1p(-safe)).mean(axis=1))


SINGLE: Mapping[str, Builder] = {
    "accuracy": lambda scores, targets: mean(scores.argmax(axis=1) == targets),
    "top5": _top5,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1_single,
    "auroc": _auroc,
    "mcc": _mcc,
    "log_loss": _log_loss_single,
    "brier": _brier_single,
    "ece": _ece,
}
MULTI: Mapping[str, Builder] = {
    "map": _map,
    "micro_f1": _micro_f1,
    "macro_f1": _macro_f1_multi,
    "log_loss": _log_loss_multi,
    "brier": lambda scores, targets: mean(((scores - targets) ** 2).mean(axis=1)),
}
