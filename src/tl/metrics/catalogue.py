"""The metrics: their names, which way is better, and their values; confusion and per-class tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tl.errors import TLError, nearest
from tl.metrics.calibration import Array
from tl.metrics.classification import MULTI, SINGLE, THRESHOLD
from tl.metrics.regression import NUMBER
from tl.metrics.weighted import Builder, Statistic, average_precision
from tl.space import Kind

_BUILDERS: Mapping[Kind, Mapping[str, Builder]] = {"single": SINGLE, "multi": MULTI, "number": NUMBER}
_DEFAULTS: Mapping[Kind, str] = {"single": "accuracy", "multi": "map", "number": "mae"}


@dataclass(frozen=True)
class Metric:
    """One metric; `kinds` are the output spaces it is defined for, `higher` says that more is better.

    `label` is its name in a table, `spoken` its name in a sentence.
    """

    name: str
    kinds: tuple[Kind, ...]
    higher: bool
    what: str
    label: str
    spoken: str


def _metric(name: str, higher: bool, what: str, *, label: str = "", spoken: str = "") -> Metric:
    kinds = tuple(kind for kind, builders in _BUILDERS.items() if name in builders)
    return Metric(name, kinds, higher, what, label or name, spoken or label or name)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("accuracy", True, "share of samples whose highest score is the true class"),
        _metric(
            "top5", True, "share of samples whose true class is among the five highest scores", spoken="top-5 accuracy"
        ),
        _metric("balanced_accuracy", True, "recall averaged over the classes present", label="balanced accuracy"),
        _metric("macro_f1", True, "F1 averaged over the classes that are present or predicted", label="macro F1"),
        _metric("micro_f1", True, "F1 of all labels' decisions taken together, at probability 0.5", label="micro F1"),
        _metric(
            "auroc",
            True,
            "area under the ROC curve, each class against the rest, averaged over those present",
            label="AUROC",
            spoken="area under the ROC curve",
        ),
        _metric(
            "map",
            True,
            "average precision averaged over the labels that have a positive",
            label="mAP",
            spoken="mean average precision",
        ),
        _metric(
            "mcc",
            True,
            "Matthews' correlation of predicted and true class; 0 is chance",
            label="MCC",
            spoken="Matthews correlation",
        ),
        _metric("log_loss", False, "mean negative log probability of the truth, in nats", label="log loss"),
        _metric("brier", False, "squared error of the probabilities, summed over classes or averaged over labels"),
        _metric(
            "ece", False, "gap between confidence and accuracy over 15 equal-width bins (Guo et al. 2017)", label="ECE"
        ),
        _metric("mae", False, "mean absolute error, in the target's units", label="MAE", spoken="mean absolute error"),
        _metric(
            "rmse",
            False,
            "root mean squared error, in the target's units",
            label="RMSE",
            spoken="root mean squared error",
        ),
        _metric("r2", True, "share of the target's variance explained; 0 is predicting the mean", label="R²"),
        _metric("pearson", True, "linear correlation of prediction and target"),
        _metric("spearman", True, "rank correlation of prediction and target"),
    )
}


COMPANIONS = ("accuracy", "macro_f1", "micro_f1")
"""Metrics of which one is drawn beside the main metric where both are shares, in this order."""


def metric_names(kind: Kind) -> list[str]:
    """The names of the metrics of an output space, in the order of METRICS."""
    return [name for name in METRICS if name in _BUILDERS[kind]]


def unknown_metric(name: str, kind: Kind) -> None:
    """TLError where no metric has this name, or where the metric is not defined for this kind of output."""
    known = metric_names(kind)
    if name in known:
        return
    raise TLError(f"'{name}' is no metric for {kind} outputs.{nearest(name, known)} There is: {', '.join(known)}.")


def default_metric(kind: Kind) -> str:
    """The metric that picks the best checkpoint unless the recipe names another."""
    return _DEFAULTS[kind]


def better(name: str, new: float, old: float) -> bool:
    """True where the value `new` of a metric is better than `old`; nan is never better, and worse than any number."""
    if math.isnan(new) or math.isnan(old):
        return not math.isnan(new)
    return new > old if METRICS[name].higher else new < old


def statistics(kind: Kind, scores: Array, targets: Array, only: Iterable[str] | None) -> dict[str, Statistic]:
    """The metrics `only` (None: all) as functions of sample weights, bound to their data.

    Without data, or with a score that is not finite, all of them give nan.
    """
    chosen = metric_names(kind) if only is None else list(only)
    for name in chosen:
        unknown_metric(name, kind)
    if not scores.size or not np.isfinite(scores).all():
        return {name: lambda weights: np.full(len(weights), np.nan) for name in chosen}
    values = np.asarray(scores, np.float64)
    truth = np.asarray(targets, np.int64 if kind == "single" else np.float64)
    return {name: _BUILDERS[kind][name](values, truth) for name in chosen}


def compute_metrics(
    kind: Kind, scores: Array, targets: Array, names: Sequence[str], only: Iterable[str] | None = None
) -> dict[str, float]:
    """The metrics `only` (None: all of the kind); nan where one is undefined, never a warning.

    scores: probabilities (n, c), or predictions (n, k) for numbers, a column for each of the outputs' `names`.
    targets: classes (n,), 0/1 (n, c) or numbers (n, k).
    Classes absent from the targets are left out of balanced_accuracy, auroc and map; constant columns out of r2,
    pearson and spearman.
    """
    if scores.shape != (len(targets), len(names)):
        raise ValueError(f"scores are {scores.shape} for {len(targets)} targets and {len(names)} names")
    with np.errstate(all="ignore"):
        ones = np.ones((1, len(targets)))
        return {name: float(value(ones)[0]) for name, value in statistics(kind, scores, targets, only).items()}


def confusion(scores: Array, targets: Array) -> dict[tuple[int, int], int]:
    """How often each pair (true class, predicted class) occurred; pairs that never occurred are left out."""
    pairs = np.stack([targets.astype(np.int64), scores.argmax(axis=1)], axis=1)
    cells, times = np.unique(pairs, axis=0, return_counts=True)
    return {(int(true), int(said)): int(n) for (true, said), n in zip(cells, times, strict=True)}


def per_class(kind: Kind, scores: Array, targets: Array, names: Sequence[str]) -> list[dict[str, str | float]]:
    """A row for each class or label: name, support, precision, recall and f1; for labels also average precision `ap`.

    Labels count as predicted at probability 0.5. The precision of a class that was never predicted is nan, and so are
    the recall of a class that never occurred and the f1 of a class that did neither.
    """
    if kind == "single":
        truth, answer = targets.astype(np.int64), scores.argmax(axis=1)
        hits, support, predicted = (
            np.bincount(some, minlength=len(names)) for some in (truth[truth == answer], truth, answer)
        )
    else:
        answer, truth = scores >= THRESHOLD, targets.astype(bool)
        hits, support, predicted = (answer & truth).sum(axis=0), truth.sum(axis=0), answer.sum(axis=0)
    rows: list[dict[str, str | float]] = []
    for i, name in enumerate(names):
        row: dict[str, str | float] = {"name": name, "support": int(support[i])}
        row["precision"] = _share(hits[i], predicted[i])
        row["recall"] = _share(hits[i], support[i])
        row["f1"] = _share(2 * hits[i], support[i] + predicted[i])
        if kind == "multi":
            row["ap"] = float(average_precision(scores[:, i], targets[:, i] > 0, np.ones((1, len(targets))))[0])
        rows.append(row)
    return rows


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
