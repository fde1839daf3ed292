"""Everything that can be known to be wrong before a run starts: recipe, parts, data, and whether they fit together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from tl.commands.anatomy import modality, part_names, stored_preprocess
from tl.commands.forecast import Forecast, forecast
from tl.components.data.base import Data
from tl.components.data.inspect import Findings, inspect
from tl.components.data.splits import load as load_data
from tl.components.freeze.base import FreezeSchedule, Phase, backbone_parts
from tl.errors import Mistakes, TLError
from tl.recipe.build import build
from tl.recipe.compose import Composition
from tl.recipe.recipe import Loop, Node, Reading, Recipe, read_recipe
from tl.recipe.registry import GROUPS, RECORDS, options
from tl.recipe.shape import Scalar
from tl.recipe.signature import literal, signature
from tl.recipe.weights import Weights
from tl.run.environment import lacks_to_compile

T = TypeVar("T")
_KEY = re.compile(rf"(?:{'|'.join((*GROUPS, *RECORDS))})\.[\w.]+")


@dataclass(frozen=True)
class Checked:
    """A recipe in which nothing was found wrong, with what was found out; parts are None where weights decide them."""

    recipe: Recipe
    data: Data
    findings: Findings
    parts: tuple[str, ...] | None
    phases: tuple[Phase, ...]
    need: Forecast


@dataclass
class _Inquiry:
    """Collects mistakes, each placed at the key it begins with."""

    composition: Composition
    mistakes: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[], T]) -> T | None:
        """The answer, or None where the question met the user's mistakes."""
        try:
            return question()
        except Mistakes as several:
            self.mistakes.extend(map(self.placed, several.mistakes))
        except TLError as error:
            self.mistakes.append(self.placed(str(error)))
        return None

    def placed(self, mistake: str) -> str:
        match = _KEY.match(mistake)
        return f"{self.composition.place(match[0])}: {mistake}" if match else mistake

    def wrong(self, key: str, text: str) -> None:
        self.mistakes.append(f"{self.composition.place(key)}: {text}")


def check(reference: str, overrides: Sequence[str], root: Path) -> Checked:
    """Check a recipe and its data; Mistakes has all that is wrong. No weights are loaded, torch is not imported."""
    reading = read_recipe(reference, list(overrides))
    inquiry = _Inquiry(reading.composition, list(reading.mistakes))
    parts, phases = _phases(reading, inquiry)
    if parts is None and "backbone" in reading.nodes:
        _is_here(reading.nodes["backbone"], inquiry)
    if "optimizer" in reading.nodes:
        inquiry.ask(lambda: build(reading.nodes["optimizer"]))
    if "method" in reading.nodes:
        _paths(reading.nodes["method"], inquiry)
    data = inquiry.ask(lambda: load_data(build(reading.nodes["data"]))) if "data" in reading.nodes else None
    if reading.loop is not None:
        _trackers(reading.loop, inquiry)
        if reading.loop.compile and (lacks := lacks_to_compile()):
            inquiry.wrong("loop.compile", f"loop.compile: {lacks}, or set it to false.")
    if data is not None:
        _fits(reading, data, inquiry)
    if inquiry.mistakes or data is None:
        raise Mistakes(inquiry.mistakes)
    recipe, findings = reading.recipe(), inspect(data)
    inquiry.mistakes.extend(findings.errors)
    need = forecast(recipe.loop, recipe.nodes(), len(data.splits["train"]), _learning(parts, phases), root)
    if need.disk is not None and need.disk > need.free:
        inquiry.mistakes.append(f"{root}: the run needs about {need.disk:.0f} MB of disk, {need.free:.0f} MB are free.")
    if inquiry.mistakes:
        raise Mistakes(inquiry.mistakes)
    return Checked(recipe, data, findings, parts, phases, need)


def _phases(reading: Reading, inquiry: _Inquiry) -> tuple[tuple[str, ...] | None, tuple[Phase, ...]]:
    nodes = reading.nodes
    if "freeze" not in nodes:
        return None, ()
    schedule: FreezeSchedule | None = inquiry.ask(lambda: build(nodes["freeze"]))
    parts = part_names(nodes["backbone"], nodes["adapter"]) if {"backbone", "adapter"} <= nodes.keys() else None
    if schedule is None or parts is None:
        return parts, ()
    return parts, inquiry.ask(lambda: schedule.phases(parts)) or ()


def _is_here(backbone: Node, inquiry: _Inquiry) -> None:
    """Hub weights whose config.json decides the parts, and that no one allowed to fetch."""
    values = backbone.values
    if "download" in values and not values["download"] and Weights.parse(values["weights"]).kind == "hub":
        text = f"backbone.weights: '{values['weights']}' is not on this machine: set backbone.download=true."
        inquiry.wrong("backbone.weights", text)


def _learning(parts: Sequence[str] | None, phases: Sequence[Phase]) -> float:
    """The share of backbone stages that learn in some phase; all of them where it is not known."""
    stages = backbone_parts(parts or ())
    if not stages or not phases:
        return 1.0
    return len({part for phase in phases for part in phase.train} & set(stages)) / len(stages)


def _trackers(loop: Loop, inquiry: _Inquiry) -> None:
    for name in loop.trackers:
        if find_spec(name) is None:
            inquiry.wrong("loop.trackers", f"loop.trackers: '{name}' is missing: pip install 'tl-toolkit[{name}]'.")


def _fits(reading: Reading, data: Data, inquiry: _Inquiry) -> None:
    """Whether backbone, augmentation, metric and method suit the data."""
    nodes, loop = reading.nodes, reading.loop
    if "backbone" in nodes:
        _backbone_fits(nodes["backbone"], data, inquiry)
    if "augment" in nodes:
        wanted = _said(nodes["augment"], "modality")
        if wanted not in (None, data.modality):
            text = f"augment '{nodes['augment'].option}' is for {wanted}s, but the data holds {data.modality}s."
            inquiry.wrong("augment=", text)
    if loop is not None and loop.best != "auto":
        from tl.metrics.catalogue import unknown_metric

        kind = data.space.kind
        inquiry.ask(lambda: _named("loop.best", lambda: unknown_metric(loop.best, kind)))
    if "head" in nodes:
        _head_fits(nodes["head"], data, inquiry)
    if "method" in nodes:
        _method_fits(nodes["method"], data, inquiry)


def _backbone_fits(backbone: Node, data: Data, inquiry: _Inquiry) -> None:
    takes, stored = modality(backbone), stored_preprocess(backbone)
    if takes not in (None, data.modality):
        text = f"backbone '{backbone.option}' takes {takes}s, but the data holds {data.modality}s."
        inquiry.wrong("backbone=", text)
    if stored is not None and takes not in (None, stored.modality):
        text = f"backbone.weights: that run's weights take {stored.modality}s, backbone '{backbone.option}' {takes}s."
        inquiry.wrong("backbone.weights", text)


def _head_fits(head: Node, data: Data, inquiry: _Inquiry) -> None:
    kind, kinds, starts = data.space.kind, _tuple(head, "kinds"), _tuple(head, "starts")
    if kinds and kind not in kinds:
        others = [name for name in options("head") if kind in _tuple(Node("head", name, {}), "kinds")]
        text = f"head '{head.option}' cannot answer in the space of this data, '{kind}': take {' or '.join(others)}."
        inquiry.wrong("head=", text)
    if starts and head.values["init"] not in ("auto", *starts):
        text = f"head.init: '{head.values['init']}' is no start of head '{head.option}': take {' or '.join(starts)}."
        inquiry.wrong("head.init", text)


def _method_fits(method: Node, data: Data, inquiry: _Inquiry) -> None:
    for name in _tuple(method, "streams") or ("train",):
        if name not in data.splits:
            there = ", ".join(data.splits)
            inquiry.wrong("method=", f"method '{method.option}' needs a split '{name}', but the data has {there}.")


def _paths(node: Node, inquiry: _Inquiry) -> None:
    """Paths that are read long after the data: of a teacher, for instance."""
    option = options(node.group)[node.option]
    for key, shape in signature(option.source, option.module).record.fields.items():
        if shape == Scalar("Path") and not Path(node.values[key]).exists():
            text = f"{node.group}.{key}: there is nothing at '{node.values[key]}'."
            inquiry.wrong(f"{node.group}.{key}", text)


def _said(node: Node, name: str) -> object:
    """A class attribute of the option that its source gives as a literal; None where it does not."""
    try:
        return literal(options(node.group)[node.option].source, name)
    except LookupError:
        return None


def _tuple(node: Node, name: str) -> tuple[str, ...]:
    said = _said(node, name)
    return said if isinstance(said, tuple) else ()


def _named(key: str, question: Callable[[], T]) -> T:
    try:
        return question()
    except TLError as error:
        raise TLError(f"{key}: {error}") from error
