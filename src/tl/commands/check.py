"""`tl check`: find all mistakes before a run: in the recipe, in the data, and in how the two fit together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from tl.commands.doubts import recipe_doubts
from tl.commands.forecast import Forecast, forecast
from tl.commands.parts import class_literal, modality, part_names, stored_preprocess
from tl.commands.warmup import unfinished_warmups
from tl.components.data.base import Data
from tl.components.data.inspect import Findings, inspect
from tl.components.data.splits import load_data
from tl.components.freeze.base import FreezeSchedule, Phase, backbone_parts
from tl.components.freeze.layout import lay_out
from tl.errors import Mistake, Mistakes, TLError
from tl.recipe.build import build
from tl.recipe.compose import Composition
from tl.recipe.recipe import Loop, Node, PartialRecipe, Recipe, read_recipe
from tl.recipe.registry import GROUPS, SETTINGS, options
from tl.recipe.shape import Scalar
from tl.recipe.signature import signature
from tl.recipe.weights import Weights
from tl.run.environment import lacks_to_compile

T = TypeVar("T")
_KEY = re.compile(rf"(?:{'|'.join((*GROUPS, *SETTINGS))})\.[\w.]+")


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


@dataclass
class _Collector:
    """Collects mistakes; each is shown with the file and line of the key that its sentence begins with."""

    composition: Composition
    mistakes: list[Mistake] = field(default_factory=list)

    def run(self, make: Callable[[], T]) -> T | None:
        """The result of `make`; None where it raised mistakes, which are collected."""
        try:
            return make()
        except TLError as error:
            self.mistakes.extend(map(self.with_place, error.mistakes))
        return None

    def with_place(self, mistake: Mistake) -> Mistake:
        match = _KEY.match(mistake)
        return mistake.after(f"{self.composition.origin_of(match[0])}: ", key=match[0]) if match else mistake

    def add(self, key: str, text: str, code: str) -> None:
        mistake = Mistake(text, code=code, key=key.rstrip("="))
        self.mistakes.append(mistake.after(f"{self.composition.origin_of(key)}: "))


def check(reference: str, overrides: Sequence[str], root: Path) -> Checked:
    """Check a recipe and its data; raises Mistakes with all that is wrong. Loads no weights, does not import torch."""
    reading = read_recipe(reference, list(overrides))
    collector = _Collector(reading.composition, list(reading.mistakes))
    parts, phases = _phases(reading, collector)
    if parts is None and "backbone" in reading.nodes:
        _check_hub_weights(reading.nodes["backbone"], collector)
    if "optimizer" in reading.nodes:
        collector.run(lambda: build(reading.nodes["optimizer"]))
    if "method" in reading.nodes:
        _check_paths(reading.nodes["method"], collector)
    data = collector.run(lambda: load_data(build(reading.nodes["data"]))) if "data" in reading.nodes else None
    if reading.loop is not None:
        _check_trackers(reading.loop, collector)
        if reading.loop.compile and (lacks := lacks_to_compile()):
            collector.add("loop.compile", f"loop.compile: {lacks}, or set it to false.", "E059")
    if data is not None:
        _check_fit(reading, data, collector)
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


def _doubts(recipe: Recipe, data: Data, phases: Sequence[Phase], need: Forecast) -> tuple[Mistake, ...]:
    """What in the recipe has no effect or hardly can be meant; TLError for a run without a step."""
    found = recipe_doubts(recipe.nodes(), recipe.loop, data)
    spans = lay_out(phases, need.steps, need.steps_per_epoch) if phases else ()
    return (*found, *unfinished_warmups(build(recipe.optimizer), spans, need.steps, need.steps_per_epoch))


def _phases(reading: PartialRecipe, collector: _Collector) -> tuple[tuple[str, ...] | None, tuple[Phase, ...]]:
    nodes = reading.nodes
    if "freeze" not in nodes:
        return None, ()
    schedule: FreezeSchedule | None = collector.run(lambda: build(nodes["freeze"]))
    parts = part_names(nodes["backbone"], nodes["adapter"]) if {"backbone", "adapter"} <= nodes.keys() else None
    if schedule is None or parts is None:
        return parts, ()
    return parts, collector.run(lambda: schedule.phases(parts)) or ()


def _check_hub_weights(backbone: Node, collector: _Collector) -> None:
    """A mistake for hub weights that are not on this machine and may not be downloaded."""
    values = backbone.values
    if "download" in values and not values["download"] and Weights.parse(values["weights"]).kind == "hub":
        text = f"backbone.weights: '{values['weights']}' is not on this machine: set backbone.download=true."
        collector.add("backbone.weights", text, "E057")


def _learning_share(parts: Sequence[str] | None, phases: Sequence[Phase]) -> float:
    """The share of the backbone's stages that learn in some phase; 1 where the stages are not known."""
    stages = backbone_parts(parts or ())
    if not stages or not phases:
        return 1.0
    return len({part for phase in phases for part in phase.train} & set(stages)) / len(stages)


def _check_trackers(loop: Loop, collector: _Collector) -> None:
    for name in loop.trackers:
        if find_spec(name) is None:
            text = f"loop.trackers: '{name}' is missing: pip install 'tl-toolkit[{name}]'."
            collector.add("loop.trackers", text, "E058")


def _check_fit(reading: PartialRecipe, data: Data, collector: _Collector) -> None:
    """Check that backbone, augmentation, metric, head and method suit the data."""
    nodes, loop = reading.nodes, reading.loop
    if "backbone" in nodes:
        _check_backbone(nodes["backbone"], data, collector)
    if "augment" in nodes:
        wanted = class_literal(nodes["augment"], "modality")
        if wanted not in (None, data.modality):
            text = f"augment '{nodes['augment'].option}' is for {wanted}s, but the data holds {data.modality}s."
            collector.add("augment=", text, "E051")
    if loop is not None and loop.best != "auto":
        from tl.metrics.catalogue import check_metric

        kind = data.space.kind
        collector.run(lambda: _with_key("loop.best", lambda: check_metric(loop.best, kind, data.space.dim)))
    if "head" in nodes:
        _check_head(nodes["head"], data, collector)
    if "method" in nodes:
        _check_method(nodes["method"], data, collector)


def _check_backbone(backbone: Node, data: Data, collector: _Collector) -> None:
    takes, stored = modality(backbone), stored_preprocess(backbone)
    if takes not in (None, data.modality):
        text = f"backbone '{backbone.option}' takes {takes}s, but the data holds {data.modality}s."
        collector.add("backbone=", text, "E050")
    if stored is not None and takes not in (None, stored.modality):
        text = f"backbone.weights: that run's weights take {stored.modality}s, backbone '{backbone.option}' {takes}s."
        collector.add("backbone.weights", text, "E050")


def _check_head(head: Node, data: Data, collector: _Collector) -> None:
    kind, kinds, starts = data.space.kind, _tuple(head, "kinds"), _tuple(head, "starts")
    if kinds and kind not in kinds:
        others = [name for name in options("head") if kind in _tuple(Node("head", name, {}), "kinds")]
        text = f"head '{head.option}' cannot answer in the space of this data, '{kind}': take {' or '.join(others)}."
        collector.add("head=", text, "E053")
    if starts and head.values["init"] not in ("auto", *starts):
        text = f"head.init: '{head.values['init']}' is no start of head '{head.option}': take {' or '.join(starts)}."
        collector.add("head.init", text, "E054")


def _check_method(method: Node, data: Data, collector: _Collector) -> None:
    for name in _tuple(method, "streams") or ("train",):
        if name not in data.splits:
            there = ", ".join(data.splits)
            text = f"method '{method.option}' needs a split '{name}', but the data has {there}."
            collector.add("method=", text, "E055")


def _check_paths(node: Node, collector: _Collector) -> None:
    """Check paths that are read long after the data, such as a teacher's."""
    option = options(node.group)[node.option]
    for key, shape in signature(option.source, option.module).record.fields.items():
        if shape == Scalar("Path") and not Path(node.values[key]).exists():
            text = f"{node.group}.{key}: there is nothing at '{node.values[key]}'."
            collector.add(f"{node.group}.{key}", text, "E056")


def _tuple(node: Node, name: str) -> tuple[str, ...]:
    found = class_literal(node, name)
    return found if isinstance(found, tuple) else ()


def _with_key(key: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except TLError as error:
        raise Mistakes([mistake.after(f"{key}: ") for mistake in error.mistakes]) from error
