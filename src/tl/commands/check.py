"""`tl check`: find all mistakes before a run: in the recipe, in the data, and in how the two fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tl.commands.chosen_task import build_task, unsuitable
from tl.commands.collector import Collector
from tl.commands.doubts import recipe_doubts
from tl.commands.fit import check_fit, check_paths
from tl.commands.forecast import Forecast, forecast
from tl.commands.machine import missing_hardware, missing_software, missing_weights
from tl.commands.parts import part_names
from tl.commands.warmup import unfinished_warmups
from tl.components.data.base import Data, DataSource
from tl.components.data.inspect import Findings, inspect
from tl.components.data.splits import load_data
from tl.components.freeze.base import FreezeSchedule, Phase, backbone_parts
from tl.components.freeze.layout import lay_out
from tl.errors import Mistake, Mistakes
from tl.recipe.build import build
from tl.recipe.recipe import Node, PartialRecipe, Recipe, read_recipe
from tl.run.gpus import cuda_devices


@dataclass(frozen=True)
class Checked:
    """A recipe without mistakes, with its data, findings and forecast; `parts` is None where they are unknown.

    `warnings` are doubts about the recipe and the data: what has no effect, or hardly can be meant.
    """

    recipe: Recipe
    data: Data
    findings: Findings
    parts: tuple[str, ...] | None
    phases: tuple[Phase, ...]
    need: Forecast
    warnings: tuple[Mistake, ...]


def check(reference: str, overrides: Sequence[str], root: Path) -> Checked:
    """Check a recipe and its data; raises Mistakes with all that is wrong. Loads no weights, does not import torch."""
    reading = read_recipe(reference, list(overrides))
    collector = Collector(reading.composition, list(reading.mistakes))
    parts, phases = _phases(reading, collector)
    if "backbone" in reading.nodes:
        collector.extend(missing_weights(reading.nodes["backbone"]))
    if "optimizer" in reading.nodes:
        collector.run(lambda: build(reading.nodes["optimizer"]))
    if "method" in reading.nodes:
        check_paths(reading.nodes["method"], collector)
    nodes = reading.nodes
    data = _data(nodes["data"], nodes["task"], collector) if {"data", "task"} <= nodes.keys() else None
    if reading.loop is not None:
        collector.extend(missing_software(reading.loop))
        if (gpus := cuda_devices()) is not None:
            collector.extend(missing_hardware(reading.loop, gpus))
    if data is not None:
        check_fit(reading, data, collector)
    if collector.mistakes or data is None:
        raise Mistakes(collector.mistakes)
    recipe, findings = reading.recipe(), inspect(data)
    collector.mistakes.extend(map(Mistake.of, findings.errors))
    need = forecast(recipe.loop, recipe.nodes(), len(data.splits["train"]), _learning_share(parts, phases), root)
    if need.disk is not None and need.disk > need.free:
        disk = f"the run needs about {need.disk:.0f} MB of disk, {need.free:.0f} MB are free."
        collector.mistakes.append(Mistake(f"{root}: {disk}", code="E060"))
    doubts = collector.run(lambda: _doubts(recipe, data, phases, need)) or ()
    if collector.mistakes:
        raise Mistakes(collector.mistakes)
    return Checked(
        recipe, data, findings, parts, phases, need, (*map(collector.with_place, doubts), *findings.warnings)
    )


def _data(node: Node, task: Node, collector: Collector) -> Data | None:
    """The data for the task; None where there is a mistake in it, or where the task takes other targets."""
    source: DataSource | None = collector.run(lambda: build(node))
    if source is None:
        return None
    if mistake := unsuitable(task, source.kind):
        collector.add("task=", mistake, "E068")
        return None
    return collector.run(lambda: load_data(source, build_task(task, source.kind)))


def _doubts(recipe: Recipe, data: Data, phases: Sequence[Phase], need: Forecast) -> tuple[Mistake, ...]:
    """What in the recipe has no effect or hardly can be meant; TLError for a run without a step."""
    found = recipe_doubts(recipe.nodes(), recipe.loop, data)
    spans = lay_out(phases, need.steps, need.steps_per_epoch) if phases else ()
    return (*found, *unfinished_warmups(build(recipe.optimizer), spans, need.steps, need.steps_per_epoch))


def _phases(reading: PartialRecipe, collector: Collector) -> tuple[tuple[str, ...] | None, tuple[Phase, ...]]:
    nodes = reading.nodes
    if "freeze" not in nodes:
        return None, ()
    schedule: FreezeSchedule | None = collector.run(lambda: build(nodes["freeze"]))
    parts = part_names(nodes["backbone"], nodes["adapter"]) if {"backbone", "adapter"} <= nodes.keys() else None
    if schedule is None or parts is None:
        return parts, ()
    return parts, collector.run(lambda: schedule.phases(parts)) or ()


def _learning_share(parts: Sequence[str] | None, phases: Sequence[Phase]) -> float:
    """The share of the backbone's stages that learn in some phase; 1 where the stages are not known."""
    stages = backbone_parts(parts or ())
    if not stages or not phases:
        return 1.0
    return len({part for phase in phases for part in phase.train} & set(stages)) / len(stages)
