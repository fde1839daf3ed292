"""A recipe: one run, fully described and typed, with every key checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tl.compose import Draft, compose
from tl.duration import Duration
from tl.errors import Mistakes, did_you_mean
from tl.options import GROUPS, options
from tl.shape import Choice, Many, Maybe, Record, Scalar, Shape, Table
from tl.signature import dataclass_shape, signature
from tl.weights import Weights

_PLAIN = ("loop", "seed")


@dataclass(frozen=True)
class Node:
    """The option chosen for a group and its bound values."""

    group: str
    option: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Loop:
    """How a run goes, whatever is learnt: its length, batch, cadence, precision and what counts as best.

    `batch` is the wanted number of samples per optimizer step over all processes; `device_batch` is what fits on one
    device at once: accumulation follows from the two.
    """

    length: Duration
    batch: int
    device_batch: int
    eval_every: Duration
    save_every: Duration
    log_every: Duration
    best: str
    patience: int | None
    precision: Literal["no", "bf16", "fp16"]
    device: Literal["auto", "cpu", "cuda"]
    clip: float | None
    ema: float | None
    gradient_checkpointing: bool
    workers: int
    bootstrap: int
    trackers: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """One run. `where` tells the origin of every dotted key, `notes` what the user should know about composing it."""

    name: str
    data: Node
    backbone: Node
    head: Node
    adapter: Node
    freeze: Node
    augment: Node
    optimizer: Node
    method: Node
    loop: Loop
    seed: int
    where: dict[str, str]
    notes: tuple[str, ...]

    def nodes(self) -> dict[str, Node]:
        """The chosen options by group."""
        return {group: getattr(self, group) for group in GROUPS}

    def at(self, key: str) -> str:
        """Where a key was set, as `file:line`; the nearest parent's place for a key inside a value."""
        while key and key not in self.where:
            key = key.rpartition(".")[0]
        return self.where.get(key, self.name)

    def plain(self) -> dict[str, Any]:
        """The recipe as a mapping that composes to itself again."""
        loop = {key: _unbound(value) for key, value in vars(self.loop).items()}
        chosen = [{group: node.option} for group, node in self.nodes().items()]
        groups = {group: node.values for group, node in self.nodes().items() if node.values}
        return {"defaults": chosen, "seed": self.seed, "loop": loop, **groups}


def load(reference: str, overrides: list[str] | None = None) -> Recipe:
    """Compose and bind a recipe; Mistakes lists everything that is wrong, each with file:line and a suggestion."""
    draft = compose(reference, overrides or [])
    mistakes = list(draft.mistakes)

    def report(key: str, text: str) -> None:
        mistakes.append(f"{_place(draft, key)}: {key} {text}")

    for key in draft.values:
        if key not in (*GROUPS, *_PLAIN):
            report(key, f"is no key of a recipe.{did_you_mean(key, (*GROUPS, *_PLAIN))}")
    shapes: dict[str, Shape] = {"loop": _loop_shape(), "seed": Scalar("int")}
    for group in GROUPS:
        if group in draft.choices and group not in draft.broken:
            option = options(group)[draft.choices[group]]
            shapes[group] = signature(option.source, option.module).record
        elif group not in draft.broken:
            mistakes.append(f"{draft.name}: no {group} is chosen: start from 'base' or name one in 'defaults'.")
    for key, shape in shapes.items():
        shape.check(draft.values.get(key, {} if isinstance(shape, Record) else None), key, report)
    if mistakes:
        raise Mistakes(mistakes)
    return _recipe(draft, shapes)


def _recipe(draft: Draft, shapes: dict[str, Shape]) -> Recipe:
    nodes = {}
    for group in GROUPS:
        values = _absolute(draft.values.get(group, {}), shapes[group])
        nodes[group] = Node(group, draft.choices[group], values)
    loop = draft.values["loop"]
    shape = _loop_shape()
    bound = Loop(**{key: bind(shape.fields[key], loop[key]) for key in shape.fields})
    where = {key: at for key, at in draft.where.items() if not key.startswith("defaults")}
    return Recipe(
        name=draft.name, loop=bound, seed=draft.values["seed"], where=where, notes=tuple(draft.notes), **nodes
    )


def bind(shape: Shape, value: Any) -> Any:
    """Turn a checked plain value into the Python value its annotation names (records stay mappings)."""
    match shape:
        case Maybe():
            return None if value is None else bind(shape.item, value)
        case Many():
            return tuple(bind(shape.item, item) for item in value)
        case Table():
            return {key: bind(shape.item, item) for key, item in value.items()}
        case Record():
            return {key: bind(inner, value[key]) for key, inner in shape.fields.items()}
        case Choice():
            return "no" if value is False and "no" in shape.values else value
        case Scalar("float"):
            return float(value)
        case Scalar("Path"):
            return Path(value)
        case Scalar("Duration"):
            return Duration.parse(value)
        case Scalar("Weights"):
            return Weights.parse(value)
        case _:
            return value


def _unbound(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Duration) else value


def _absolute(value: Any, shape: Shape) -> Any:
    """Plain values with every path made absolute, so that a stored recipe runs from any folder."""
    match shape:
        case Maybe() if value is not None:
            return _absolute(value, shape.item)
        case Many():
            return [_absolute(item, shape.item) for item in value]
        case Table():
            return {key: _absolute(item, shape.item) for key, item in value.items()}
        case Record():
            return {key: _absolute(value[key], inner) for key, inner in shape.fields.items()}
        case Scalar("Path"):
            return str(Path(value).expanduser().absolute())
        case Scalar("Weights") if value != "none" and not value.startswith(("package:", "hub:")):
            return str(Path(value).expanduser().absolute())
        case _:
            return value


def _loop_shape() -> Record:
    return dataclass_shape(Path(__file__), "tl.recipe", "Loop")


def _place(draft: Draft, key: str) -> str:
    full = key
    while key and key not in draft.where:
        key = key.rpartition(".")[0]
    return draft.where.get(key) or draft.where.get(f"{full.partition('.')[0]}=") or draft.name
