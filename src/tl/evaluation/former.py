"""Functions of metrics as plug-ins call them that were written before types of answers: by the kind of output.

Shipped code uses tl.metrics; recipe/former.py gives these by the names that they had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tl.components.task.classification import Classification
from tl.components.task.multi_label import MultiLabel
from tl.components.task.regression import Regression
from tl.metrics import catalogue
from tl.metrics.calibration import Array
from tl.metrics.measured import compute_metrics
from tl.metrics.weighted import Statistic
from tl.space import Kind

MEASURED = {task.gives: task.measures for task in (Classification, MultiLabel, Regression)}


def metric_names(kind: Kind, outputs: int | None = None) -> list[str]:
    """The names of the metrics of a kind of output."""
    return MEASURED[kind].metric_names(outputs)


def default_metric(kind: Kind) -> str:
    """The metric that picks the best checkpoint unless the recipe names another."""
    return MEASURED[kind].main


def better(name: str, new: float, old: float) -> bool:
    """True where the value `new` of the metric of this name is better than `old`."""
    return catalogue.better(catalogue.METRICS[name], new, old)


def statistics(kind: Kind, scores: Array, targets: Array, only: Iterable[str] | None) -> dict[str, Statistic]:
    """The metrics that `only` names, each as a function of sample weights."""
    return MEASURED[kind](scores, targets, [""] * scores.shape[1]).statistics(only)


def evaluate(
    kind: Kind, scores: Array, targets: Array, names: Sequence[str], only: Iterable[str] | None = None
) -> dict[str, float]:
    """The values of the metrics that `only` names."""
    return compute_metrics(MEASURED[kind](scores, targets, names), only)


def per_class(kind: Kind, scores: Array, targets: Array, names: Sequence[str]) -> list[dict[str, str | float]]:
    """A row for each class or label."""
    return MEASURED[kind](scores, targets, names).per_class()
