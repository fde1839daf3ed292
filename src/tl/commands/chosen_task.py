"""The task of a recipe: the one that it names, or the usual one for the targets of its data; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from tl.commands.parts import class_literal
from tl.components.data.base import Data, DataSource
from tl.components.data.splits import load_data
from tl.components.task.base import Task
from tl.errors import TLError
from tl.metrics.catalogue import METRICS, Metric
from tl.recipe.build import build
from tl.recipe.compose import option_files
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.signature import signature

AUTO = "auto"


def unsuitable(node: Node, target: str) -> str:
    """Why `node` cannot be the task for data with this kind of target; '' where it can."""
    fitting = _taking(target)
    remedy = f": take {' or '.join(f'task={name}' for name in fitting)}." if fitting else ", and no task takes that."
    if node.option != AUTO and node.option not in fitting:
        takes = _says(_tasks()[node.option], "word")
        return f"task '{node.option}' takes {takes}, but the data gives {target_word(target)} for each sample{remedy}"
    if node.option == AUTO and not _usual(target):
        return f"no task is the usual one for {target_word(target)}, which the data gives for each sample{remedy}"
    return ""


def chosen_task(node: Node, target: str) -> Node:
    """The task that `node` means for data with this kind of target; TLError where they do not suit each other."""
    if mistake := unsuitable(node, target):
        raise TLError(mistake, code="E068")
    if node.option != AUTO:
        return node
    own = _usual(target)
    return Node("task", own, {key: node.values.get(key, default) for key, default in _defaults(own).items()})


def without_effect(node: Node, target: str) -> Mapping[str, Any]:
    """The keys that a recipe sets for the usual task, which that task does not have, with their values."""
    if node.option != AUTO:
        return {}
    had = chosen_task(node, target).values
    return {key: value for key, value in node.values.items() if key not in had}


def build_task(node: Node, target: str) -> Task:
    """The task that `node` means for data with this kind of target; it has no space yet."""
    return cast(Task, build(chosen_task(node, target)))


def read_data(data: Node, task: Node) -> Data:
    """The data of a recipe, with the task that its targets are for."""
    source: DataSource = build(data)
    return load_data(source, build_task(task, source.kind))


def target_word(target: str) -> str:
    """What each sample has where its target is of this kind, as messages say it: one class, numbers."""
    return next((_says(task, "word") for task in _taking(target).values()), target)


def tasks_reading(target: str, form: str) -> list[str]:
    """The names of the tasks for this kind of target that read features of this form."""
    return [name for name, task in _taking(target).items() if _says(task, "reads") == form]


def task_classes() -> list[type[Task]]:
    """The classes of all tasks."""
    found = ((option, signature(option.source, option.module)) for option in options("task").values())
    classes = [getattr(import_module(option.module), its.class_name) for option, its in found]
    return [one for one in classes if issubclass(one, Task)]


def all_metrics() -> dict[str, Metric]:
    """The metrics of all tasks by name."""
    found: dict[str, Metric] = {}
    for task in task_classes():
        found |= {name: task.measures.catalogue[name] for name in task.measures.metrics}
    return {name: metric for name, metric in METRICS.items() if name in found} | found


def _taking(target: str) -> Mapping[str, Node]:
    return {name: task for name, task in _tasks().items() if _says(task, "takes") == target}


def _usual(target: str) -> str:
    return next((name for name, task in _taking(target).items() if _says(task, "usual") == "True"), "")


def _tasks() -> Mapping[str, Node]:
    return {name: Node("task", name, {}) for name in options("task") if name != AUTO}


def _defaults(option: str) -> Mapping[str, Any]:
    """The keys of a task with the values that its YAML files give them."""
    found = options("task")[option]
    written = {key: value for file in option_files(found) for key, value in file.values.items()}
    return {key: written[key] for key in signature(found.source, found.module).record.fields}


def _says(task: Node, attribute: str) -> str:
    """What a task's source says of itself; '' where it says nothing."""
    return str(class_literal(task, attribute) or "")
