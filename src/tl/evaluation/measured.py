"""What metrics see of a model's answers in an output space: the one place that tells the type of answer by the kind."""

from __future__ import annotations

from collections.abc import Mapping

from tl.metrics.calibration import Array
from tl.metrics.catalogue import Metric
from tl.metrics.labels import Labels
from tl.metrics.measured import Scored
from tl.metrics.numbers import Numbers
from tl.metrics.one_class import OneClass
from tl.space import Kind, Space

MEASURED: Mapping[Kind, type[Scored]] = {"single": OneClass, "multi": Labels, "number": Numbers}
"""The type of answer of each kind of output."""
ALL_METRICS: Mapping[str, Metric] = {
    name: metric for answers in MEASURED.values() for name, metric in answers.catalogue.items()
}
"""The metrics of all types of answer."""


def measured(space: Space, scores: Array, targets: Array) -> Scored:
    """The answers to judged samples: a column of `scores` for each output of the space, and the true `targets`."""
    return MEASURED[space.kind](scores, targets, space.names)
