"""A recipe: one run, fully described and typed, with every key checked before anything heavy is imported."""

from __future__ import annotations

import re
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
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...]

    def mistakes(self) -> dict[str, str]:
        """What is wrong with each key whose value has the right type but is out of range."""
        rules = [
            ("length", self.length.unit != "%", "a number of steps or of epochs, not a share of itself"),
            ("batch", self.batch >= 1, "at least 1"),
            ("device_batch", self.device_batch >= 1, "at least 1"),
            ("patience", self.patience is None or self.patience >= 1, "at least 1, or null"),
            ("clip", self.clip is None or self.clip > 0, "above 0, or null"),
            ("ema", self.ema is None or 0 < self.ema < 1, "between 0 and 1, or null"),
            ("workers", self.workers >= 0, "at least 0"),
            ("bootstrap", self.bootstrap >= 0, "at least 0"),
        ]
        return {key: f"is {getattr(self, key)}: write {right}." for key, fits, right in rules if not fits}


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
    wrong: set[str] = set()

    def report(key: str, text: str) -> None:
        wrong.add(key.partition(".")[0])
        mistakes.append(f"{draft.place(key)}: {key} {text}")

    for key in draft.values:
        if key not in (*GROUPS, *_PLAIN):
            report(key, _unknown(key))
    shapes = _shapes(draft)
    for key, shape in shapes.items():
        if key in draft.values:
            shape.check(draft.values[key], key, report)
    if "loop" in shapes and "loop" not in wrong:
        for key, text in _loop(draft).mistakes().items():
            report(f"loop.{key}", text)
    absent = [key for key in (*GROUPS, *_PLAIN) if key not in shapes and key not in draft.broken]
    if absent:
        mistakes.append(f"{draft.name}: has no {', '.join(absent)}: write '- base' first in 'defaults'.")
    if mistakes:
        raise Mistakes(sorted(mistakes, key=_position))
    return _recipe(draft, shapes)


def _position(mistake: str) -> tuple[str, int]:
    """Mistakes of one file come in the order of its lines."""
    match = re.match(r"(\S[^:]*):(?:(\d+):)?", mistake)
    return (match[1], int(match[2] or 0)) if match else ("", 0)


def _unknown(key: str) -> str:
    group, dot, rest = key.partition(".")
    if dot and group in (*GROUPS, "loop"):
        return f"is written in two lines in a file: '{group}:' and, indented below it, '{rest}: ...'."
    return f"is no key of a recipe.{did_you_mean(key, (*GROUPS, *_PLAIN))}"


def _shapes(draft: Draft) -> dict[str, Shape]:
    """What the value of each key that is there must look like."""
    plain: dict[str, Shape] = {"loop": _loop_shape(), "seed": Scalar("int")}
    found = {key: shape for key, shape in plain.items() if key in draft.values}
    for group in GROUPS:
        if group in draft.choices and group not in draft.broken:
            option = options(group)[draft.choices[group]]
            found[group] = signature(option.source, option.module).record
    return found


def _recipe(draft: Draft, shapes: dict[str, Shape]) -> Recipe:
    nodes = {}
    for group in GROUPS:
        values = _absolute(draft.values[group], shapes[group])
        nodes[group] = Node(group, draft.choices[group], values)
    where = {key: at for key, at in draft.where.items() if not key.startswith("defaults")}
    return Recipe(
        name=draft.name, loop=_loop(draft), seed=draft.values["seed"], where=where, notes=tuple(draft.notes), **nodes
    )


def _loop(draft: Draft) -> Loop:
    return Loop(**bind(_loop_shape(), draft.values["loop"]))


def bind(shape: Shape, value: Any) -> Any:
    """Turn a checked plain value into the Python value its annotation names (records stay mappings)."""
    match shape:
        case Maybe():
            return None if value is None else bind(shape.item, value)
        case Many():
            return tuple(bind(shape.item, item) for item in value)
        case Table():
            return {str(key): bind(shape.item, item) for key, item in value.items()}
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
            return {str(key): _absolute(item, shape.item) for key, item in value.items()}
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
