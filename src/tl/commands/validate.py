"""What the trainer is told of the validation split: metrics, and what the choice of the kept weights needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tl.components.model import Model
from tl.evaluation.evaluator import Outputs
from tl.inputs.items import Items
from tl.metrics.jackknife import Blocks
from tl.metrics.measured import compute_metrics
from tl.metrics.units import independent_units
from tl.training.job import Validated


def validation(items: Items, metric: str, needs_error: bool) -> Callable[[Model, Outputs], Validated]:
    """A function that judges a model by its outputs for these samples; a group of samples is one unit of the error."""
    blocks = Blocks.deal(independent_units([sample.group for sample in items.samples] if needs_error else ()))

    def judge(model: Model, found: Outputs) -> Validated:
        seen = found.measured(model)
        bound = seen.statistics([metric]) if needs_error else {}
        without = blocks.without_each(bound).get(metric, np.empty(0))
        return Validated(compute_metrics(seen), blocks, tuple(without.tolist()), model.task.lone_answer(seen))

    return judge
