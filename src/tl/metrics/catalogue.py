"""The metrics: what each is called, whether a higher or a lower value is better, and what its interval rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Family = Literal["share", "recalls", "classes", "association", "loss", "error", "squares", "ranks", "bias"]
"""What a metric's interval is made from (intervals.py).

A share of the samples; a mean of shares of the classes; a figure from 0 to 1, or from -1 to 1 (association), that
averages over classes or rests on the rare ones; a mean loss of probabilities; a mean error; means of squares; a rank
correlation; a biased estimate.
"""


@dataclass(frozen=True)
class Metric:
    """What is known of a metric, whatever computes it (measured.py).

    `higher` is True where a higher value is better. `label` is the metric's name in a table, `spoken` its name in a
    sentence. `undefined` says when the metric has no value, after "not defined because". `blind` is the value of all
    answers that do not look at the input, None where these differ.
    """

    name: str
    higher: bool
    label: str
    spoken: str
    family: Family
    undefined: str
    blind: float | None = None


def entry(
    name: str,
    family: Family,
    *,
    higher: bool,
    label: str = "",
    spoken: str = "",
    undefined: str = "there are no samples",
    blind: float | None = None,
) -> Metric:
    """A metric whose label is its name and that is spoken as it is labelled, unless they are given."""
    return Metric(name, higher, label or name, spoken or label or name, family, undefined, blind)


_ONE_CLASS = "all samples are of one class"
_NO_LABEL = "no label occurs or is predicted"
_CONSTANT = "the predictions or the true values are all equal"

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        entry("accuracy", "share", higher=True),
        entry("top5", "share", higher=True, spoken="top-5 accuracy"),
        entry("balanced_accuracy", "recalls", higher=True, label="balanced accuracy"),
        entry("macro_f1", "classes", higher=True, label="macro F1", undefined=_NO_LABEL),
        entry("micro_f1", "classes", higher=True, label="micro F1", undefined=_NO_LABEL),
        entry(
            "auroc",
            "classes",
            higher=True,
            label="AUROC",
            spoken="area under the ROC curve",
            undefined=_ONE_CLASS,
            blind=0.5,
        ),
        entry(
            "map",
            "classes",
            higher=True,
            label="mAP",
            spoken="mean average precision",
            undefined="no sample has a label",
        ),
        entry(
            "mcc",
            "association",
            higher=True,
            label="MCC",
            spoken="Matthews correlation",
            undefined=_ONE_CLASS,
            blind=0.0,
        ),
        entry("log_loss", "loss", higher=False, label="log loss"),
        entry("brier", "loss", higher=False),
        entry("ece", "bias", higher=False, label="ECE"),
        entry("mae", "error", higher=False, label="MAE", spoken="mean absolute error"),
        entry("rmse", "squares", higher=False, label="RMSE", spoken="root mean squared error"),
        entry("r2", "squares", higher=True, label="R²", undefined="the true values are all equal"),
        entry("pearson", "squares", higher=True, undefined=_CONSTANT, blind=0.0),
        entry("spearman", "ranks", higher=True, undefined=_CONSTANT, blind=0.0),
    )
}
COMPANIONS = ("accuracy", "macro_f1", "micro_f1")
"""Where the main metric is a share of 1, the report draws the first of these that was logged in the same chart."""


def better(metric: Metric, new: float, old: float) -> bool:
    """True where the value `new` of a metric is better than `old`; every number is better than nan."""
    if math.isnan(new) or math.isnan(old):
        return not math.isnan(new)
    return new > old if metric.higher else new < old
