"""Tasks for tests: the usual one for a kind of target, with or without a space, and data read for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tl.commands.chosen_task import build_task
from tl.components.data.base import Data, DataSource
from tl.components.data.splits import load_data as load_data_for
from tl.components.sample import Sample
from tl.components.task.base import Task
from tl.components.task.judged import Kept
from tl.components.task.pooled import Pooled
from tl.evaluation.outcome import Outcome
from tl.metrics.intervals import intervals
from tl.metrics.measured import compute_metrics
from tl.metrics.units import independent_units
from tl.recipe.recipe import Node
from tl.space import Space

PLAIN = {"label_smoothing": 0.0, "focal_gamma": 0.0}


def usual_task(target: str, **options: Any) -> Task:
    return build_task(Node("task", "auto", {**PLAIN, **options}), target)


def task_of(space: Space, **options: Any) -> Task:
    task = usual_task(space.kind, **options)
    task.restore(space)
    return task


def load_data(source: DataSource) -> Data:
    return load_data_for(source, usual_task(source.kind))


def outcome_of(
    space: Space, scores: Any, targets: Any, *, raw: Any = None, samples: Sequence[Sample] = (), split: str = "test"
) -> Outcome:
    """The outcome of given scores; `raw` are those before temperature scaling. Samples are made if none are given."""
    task, truth = task_of(space), np.array(targets)
    assert isinstance(task, Pooled)
    rows = samples or [Sample(f"s{i}", f"text {i}", None, f"t.csv:{i + 2}") for i in range(len(truth))]
    found, before = (
        task.measures(np.array(some, float), truth, space.names) for some in (scores, scores if raw is None else raw)
    )
    units = independent_units([sample.group for sample in rows])
    values, bounds = compute_metrics(found), intervals(found, units, resamples=200)
    kept = Kept(torch.tensor(np.array(scores, float)), torch.tensor(truth))
    return Outcome(split, task, rows, kept, 1.0 if raw is None else 1.7, found, before, values, bounds)
