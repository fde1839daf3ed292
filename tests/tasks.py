"""Tasks for tests: the usual one for a kind of target, with or without a space, and data read for it."""

from __future__ import annotations

from typing import Any

from tl.commands.chosen_task import build_task
from tl.components.data.base import Data, DataSource
from tl.components.data.splits import load_data as load_data_for
from tl.components.task.base import Task
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
