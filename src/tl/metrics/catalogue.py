"""The metrics: how each is computed, what it is called, and whether a higher or a lower value is better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tl.errors import TLError, nearest
from tl.metrics import classification, regression
from tl.metrics.calibration import Array
from tl.metrics.weighted import Builder, Statistic
from tl.space import Kind

Family = Literal["share", "recalls", "classes", "association", "loss", "error", "squares", "ranks", "bias"]
"""What a metric's interval is made from (intervals.py).

A share of the samples; a mean of shares of the classes; a figure from 0 to 1, or from -1 to 1 (association), that
averages over classes or rests on the rare ones; a mean loss of probabilities; a mean error; means of squares; a rank
correlation; a biased estimate.
"""


@dataclass(frozen=True)
class Metric:
    """One metric; `builders` has a function for each kind of output that the metric is defined for.

    `higher` is True where a higher value is better. `label` is the metric's name in a table, `spoken` its name in a
    sentence. `undefined` says when the metric has no value, after "not defined because".
    """

    name: str
    builders: Mapping[Kind, Builder]
    higher: bool
    label: str
    spoken: str
    family: Family
    undefined: str


_ONE_CLASS = "all samples are of one class"
_NO_LABEL = "no sample has a label"
_CONSTANT = "the predictions or the true values are all equal"


def _metric(
    name: str,
    builders: Mapping[Kind, Builder],
    family: Family,
    *,
    higher: bool,
    label: str = "",
    spoken: str = "",
    undefined: str = "there are no samples",
) -> Metric:
    return Metric(name, builders, higher, label or name, spoken or label or name, family, undefined)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("accuracy", {"single": classification.accuracy}, "share", higher=True),
        _metric("top5", {"single": classification.top5}, "share", higher=True, spoken="top-5 accuracy"),
        _metric(
            "balanced_accuracy",
            {"single": classification.balanced_accuracy},
            "recalls",
            higher=True,
            label="balanced accuracy",
        ),
        _metric(
            "macro_f1",
            {"single": classification.macro_f1_single, "multi": classification.macro_f1_multi},
            "classes",
            higher=True,
            label="macro F1",
            undefined="no label occurs or is predicted",
        ),
        _metric(
            "micro_f1",
            {"multi": classification.micro_f1},
            "classes",
            higher=True,
            label="micro F1",
            undefined="no label occurs or is predicted",
        ),
        _metric(
            "auroc",
            {"single": classification.auroc},
            "classes",
            higher=True,
            label="AUROC",
            spoken="area under the ROC curve",
            undefined=_ONE_CLASS,
        ),
        _metric(
            "map",
            {"multi": classification.mean_average_precision},
            "classes",
            higher=True,
            label="mAP",
            spoken="mean average precision",
            undefined=_NO_LABEL,
        ),
        _metric(
            "mcc",
            {"single": classification.mcc},
            "association",
            higher=True,
            label="MCC",
            spoken="Matthews correlation",
            undefined=_ONE_CLASS,
        ),
        _metric(
            "log_loss",
            {"single": classification.log_loss_single, "multi": classification.log_loss_multi},
            "loss",
            higher=False,
            label="log loss",
        ),
        _metric(
            "brier", {"single": classification.brier_single, "multi": classification.brier_multi}, "loss", higher=False
        ),
        _metric("ece", {"single": classification.expected_calibration_error}, "bias", higher=False, label="ECE"),
        _metric("mae", {"number": regression.mae}, "error", higher=False, label="MAE", spoken="mean absolute error"),
        _metric(
            "rmse", {"number": regression.rmse}, "squares", higher=False, label="RMSE", spoken="root mean squared error"
        ),
        _metric(
            "r2",
            {"number": regression.r2},
            "squares",
            higher=True,
            label="R²",
            undefined="the true values are all equal",
        ),
        _metric("pearson", {"number": regression.pearson}, "squares", higher=True, undefined=_CONSTANT),
        _metric("spearman", {"number": regression.spearman}, "ranks", higher=True, undefined=_CONSTANT),
    )
}
_DEFAULTS: Mapping[Kind, str] = {"single": "accuracy", "multi": "map", "number": "mae"}
COMPANIONS = ("accuracy", "macro_f1", "micro_f1")
"""Where the main metric is a share of 1, the report draws the first of these that was logged in the same chart."""


def metric_names(kind: Kind, outputs: int | None = None) -> list[str]:
    """The names of the metrics of an output space, in the order of METRICS.

    Of up to five classes, the true one is always among the first five, so top5 is no metric of so few `outputs` (None:
    their number is not known).
    """
    few = outputs is not None and outputs <= 5
    return [name for name, metric in METRICS.items() if kind in metric.builders and not (few and name == "top5")]


def check_metric(name: str, kind: Kind, outputs: int | None = None) -> None:
    """TLError where no metric has this name, or where the metric is not defined for this kind of output."""
    known = metric_names(kind, outputs)
    if name in known:
        return
    text = f"'{name}' is no metric for {kind} outputs.{nearest(name, known)} There is: {', '.join(known)}."
    if name in metric_names(kind):
        text = f"'{name}' is always 1 for {outputs} classes. There is: {', '.join(known)}."
    raise TLError(text, code="E052")


def default_metric(kind: Kind) -> str:
    """The metric that picks the best checkpoint unless the recipe names another."""
    return _DEFAULTS[kind]


def better(name: str, new: float, old: float) -> bool:
    """True where the value `new` of a metric is better than `old`; every number is better than nan."""
    if math.isnan(new) or math.isnan(old):
        return not math.isnan(new)
    return new > old if METRICS[name].higher else new < old


def statistics(kind: Kind, scores: Array, targets: Array, only: Iterable[str] | None) -> dict[str, Statistic]:
    """The metrics that `only` names (None: all of the kind), each as a function of sample weights for these samples.

    Where there are no samples, or a score is not finite, these functions give nan.
    """
    chosen = metric_names(kind, scores.shape[1]) if only is None else list(only)
    for name in chosen:
        check_metric(name, kind)
    if not scores.size or not np.isfinite(scores).all():
        return {name: lambda weights: np.full(len(weights), np.nan) for name in chosen}
    values = np.asarray(scores, np.float64)
    truth = np.asarray(targets, np.int64 if kind == "single" else np.float64)
    return {name: METRICS[name].builders[kind](values, truth) for name in chosen}


def why_undefined(name: str, scores: Array) -> str:
    """Why a metric has no value, after "not defined because"; given that it has none for samples with these scores."""
    if not scores.size:
        return "there are no samples"
    return METRICS[name].undefined if np.isfinite(scores).all() else "an output of the model is not finite"


def compute_metrics(
    kind: Kind, scores: Array, targets: Array, names: Sequence[str], only: Iterable[str] | None = None
) -> dict[str, float]:
    """The values of the metrics that `only` names (None: all of the kind and size); nan where a metric is undefined.

    scores: probabilities (n, c), or predictions (n, k) for numbers, with a column for each of the outputs' `names`.
    targets: classes (n,), 0/1 (n, c) or numbers (n, k).
    Classes that are absent from the targets are left out of balanced_accuracy, auroc and map; constant columns are left
    out of r2, pearson and spearman. NumPy gives no warning.
    """
    if scores.shape != (len(targets), len(names)):
        raise ValueError(f"scores are {scores.shape} for {len(targets)} targets and {len(names)} names")
    with np.errstate(all="ignore"):
        ones = np.ones((1, len(targets)))
        return {name: float(value(ones)[0]) for name, value in statistics(kind, scores, targets, only).items()}
