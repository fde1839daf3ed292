"""Whether the parts of a recipe suit each other and the data, told without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tl.commands.chosen_task import chosen_task
from tl.commands.collector import Collector
from tl.commands.forms import form_mistakes
from tl.commands.parts import class_literal, config_file, modality, stored_preprocess
from tl.components.data.base import Data
from tl.errors import Mistakes, TLError
from tl.family import family_of
from tl.recipe.recipe import Node, PartialRecipe
from tl.recipe.registry import options
from tl.recipe.shape import Scalar
from tl.recipe.signature import signature
from tl.recipe.weights import RUN_SPACE
from tl.run.schema import SPACE, read_facts

T = TypeVar("T")


def check_fit(reading: PartialRecipe, data: Data, collector: Collector) -> None:
    """Check that backbone, augmentation, metric, head and method suit the data."""
    nodes, loop = reading.nodes, reading.loop
    if "backbone" in nodes:
        _check_backbone(nodes["backbone"], data, collector)
        _check_size(nodes["backbone"], collector)
    if "augment" in nodes:
        wanted = class_literal(nodes["augment"], "modality")
        if wanted not in (None, data.modality):
            text = f"augment '{nodes['augment'].option}' is for {wanted}s, but the data holds {data.modality}s."
            collector.add("augment=", text, "E051")
        values = nodes["augment"].values
        if mistake := family_of(data.space.kind).mixing_mistake(values.get("cutmix"), values.get("mixup")):
            collector.add(mistake.partition(" ")[0], mistake, "E064")
    if loop is not None and loop.best != "auto":
        measures, best = data.task.measures, loop.best
        collector.run(lambda: _with_key("loop.best", lambda: measures.check_metric(best, data.space.dim)))
    task = chosen_task(nodes["task"], data.target)
    for mistake in form_mistakes(nodes, task.option, data.task.reads):
        collector.add(mistake.key, str(mistake), mistake.code)
    if "head" in nodes:
        _check_head(nodes["head"], nodes["task"], data, collector)
    if "method" in nodes:
        _check_method(nodes["method"], data, collector)


def _check_backbone(backbone: Node, data: Data, collector: Collector) -> None:
    takes, stored = modality(backbone), stored_preprocess(backbone)
    if takes not in (None, data.modality):
        text = f"backbone '{backbone.option}' takes {takes}s, but the data holds {data.modality}s."
        collector.add("backbone=", text, "E050")
    if stored is not None and takes not in (None, stored.modality):
        text = f"backbone.weights: that run's weights take {stored.modality}s, backbone '{backbone.option}' {takes}s."
        collector.add("backbone.weights", text, "E050")


def _check_size(backbone: Node, collector: Collector) -> None:
    """Check a picture's size and a text's length against what the network takes, where its files tell."""
    size, length = backbone.values.get("size"), backbone.values.get("max_length")
    patches = class_literal(backbone, "PATCHES")
    facts: Mapping[str, Any] = {}
    if class_literal(backbone, "CHAINS") is not None and (path := config_file(backbone)) is not None:
        facts = read_facts(path, {}, of="folder")
    patch = patches[backbone.values["name"]] if isinstance(patches, dict) else facts.get("patch_size")
    if size is not None and isinstance(patch, int) and size % patch:
        name = backbone.values.get("name", "this model")
        collector.add("backbone.size", f"backbone.size={size}: {name} takes multiples of {patch}.", "E063")
    most = facts.get("max_position_embeddings")
    if length is not None and isinstance(most, int) and length > most:
        text = f"backbone.max_length={length}: this model reads 3 to {most} tokens at most."
        collector.add("backbone.max_length", text, "E063")


def _check_head(head: Node, task: Node, data: Data, collector: Collector) -> None:
    kind, kinds, starts = data.space.kind, _tuple(head, "kinds"), _tuple(head, "starts")
    if kinds and kind not in kinds:
        others = [name for name in options("head") if kind in _tuple(Node("head", name, {}), "kinds")]
        text = f"head '{head.option}' cannot answer in the space of this data, '{kind}': take {' or '.join(others)}."
        collector.add("head=", text, "E053")
    if starts and head.values["init"] not in ("auto", *starts):
        text = f"head.init: '{head.values['init']}' is no start of head '{head.option}': take {' or '.join(starts)}."
        collector.add("head.init", text, "E054")
    elif mistake := family_of(kind).start_mistake(head.values.get("init", ""), task.values.get("focal_gamma", 0)):
        collector.add("head.init", mistake, "E054")


def _check_method(method: Node, data: Data, collector: Collector) -> None:
    for name in _tuple(method, "streams") or ("train",):
        if name not in data.splits:
            there = ", ".join(data.splits)
            text = f"method '{method.option}' needs a split '{name}', but the data has {there}."
            collector.add("method=", text, "E055")
    teacher = Path(method.values["teacher"]) / RUN_SPACE if "teacher" in method.values else None
    if teacher is not None and teacher.is_file():
        facts = read_facts(teacher, SPACE.fields)
        if (facts["kind"], tuple(facts["names"])) != (data.space.kind, data.space.names):
            where = method.values["teacher"]
            text = f"method.teacher: '{where}' answers other classes than this data has; train it on them."
            collector.add("method.teacher", text, "E065")


def check_paths(node: Node, collector: Collector) -> None:
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
