"""A recipe: one run, fully described and typed; every key is checked before torch or Hydra's options are imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from tl.errors import Mistake, Mistakes
from tl.recipe.binding import absolute, absolute_path, bind, plain, run_path
from tl.recipe.cache_folder import why_not_counted
from tl.recipe.compose import compose
from tl.recipe.composition import Composition
from tl.recipe.duration import Duration
from tl.recipe.registry import GROUPS, SETTINGS, options
from tl.recipe.repair import Repairs
from tl.recipe.shape import Record, Scalar, Shape, as_text
from tl.recipe.signature import dataclass_shape, signature

_PLAIN = ("name", *SETTINGS, "seed")
_LONGEST_NAME = 250


@dataclass(frozen=True)
class Node:
    """The option chosen for a group and its bound values."""

    group: str
    option: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Loop:
    """How a run goes, whatever is learnt: length, batch, how often it logs and saves, precision, what counts as best.

    `batch` is the number of samples per optimizer step over all processes; `device_batch` is how many of them a device
    takes at once, from which gradient accumulation follows. `auto` is measured before training begins.
    """

    length: Annotated[Duration, "above 0 in step, ep"]
    batch: Annotated[int, "at least 1"]
    device_batch: Annotated[int, "at least 1"] | Literal["auto"]
    eval_every: Annotated[Duration, "any in step, ep, %"]
    save_every: Annotated[Duration, "any in step, ep, %, min"]
    keep_checkpoints: bool
    max_time: Annotated[Duration, "any in min"] | None
    log_every: Annotated[Duration, "any in step, ep, %"]
    best: str
    keep_weights: Literal["one_standard_error", "best", "last"]
    patience: Annotated[int, "at least 1"] | Literal["auto"] | None
    precision: Literal["auto", "no", "bf16", "fp16"]
    device: Literal["auto", "cpu", "cuda"]
    clip: Annotated[float, "above 0"] | None
    skip_bad: Annotated[int, "at least 0"]
    ema: Annotated[float, "above 0 to below 1"] | None
    batch_norm: Literal["auto", "keep", "update"]
    gradient_checkpointing: bool
    compile: bool
    deterministic: bool
    shard: bool
    workers: Annotated[int, "0 to 1000"] | Literal["auto"]
    bucket: bool
    views: Annotated[int, "at least 1"] | None
    bootstrap: Annotated[int, "0 to 100000"]
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...]

    @property
    def known_device_batch(self) -> int:
        """`device_batch` as a number; 1 where it is `auto` and not measured yet."""
        return 1 if self.device_batch == "auto" else self.device_batch

    def mistakes(self) -> dict[str, str]:
        """A sentence for each key whose value does not go with that of another key."""
        rules = [
            ("compile", not (self.compile and self.gradient_checkpointing), "false, or gradient_checkpointing=false"),
            ("shard", not (self.shard and self.precision == "fp16"), "false, or precision=bf16"),
            ("shard", not (self.shard and self.device_batch == "auto"), "false, or a number for device_batch"),
            ("shard", not (self.shard and self.compile), "false, or compile=false"),
            ("shard", not (self.shard and self.ema is not None), "false, or ema=null"),
        ]
        return {key: f"is {as_text(getattr(self, key))}: write {right}." for key, fits, right in rules if not fits}


@dataclass(frozen=True)
class CacheRules:
    """Whether and where activations of frozen stages are cached, in which number type, and how much at most."""

    use: Literal["auto", "always", "never"]
    dtype: Literal["same", "fp16", "bf16"]
    max_gb: Annotated[float, "above 0"]
    folder: Path | None


@dataclass(frozen=True)
class ReportRules:
    """What report.html shows: paths whole or not, and pictures from outside the data's folder or not."""

    private: bool
    elsewhere: bool


@dataclass(frozen=True)
class Recipe:
    """One run. `origins` tells in which file and line each dotted key was set; `notes` are lines for the user."""

    name: str
    data: Node
    task: Node
    backbone: Node
    head: Node
    adapter: Node
    freeze: Node
    augment: Node
    optimizer: Node
    method: Node
    loop: Loop
    cache: CacheRules
    report: ReportRules
    seed: int
    origins: dict[str, str]
    notes: tuple[str, ...]

    def nodes(self) -> dict[str, Node]:
        """The chosen options by group."""
        return {group: getattr(self, group) for group in GROUPS}

    def origin_of(self, key: str) -> str:
        """Where a key was set, as `file:line`; for a key inside a value, where the value was set."""
        while key and key not in self.origins:
            key = key.rpartition(".")[0]
        return self.origins.get(key, self.name)

    def plain(self) -> dict[str, Any]:
        """The recipe as a mapping that composes to itself again."""
        settings = {part: {key: plain(value) for key, value in vars(getattr(self, part)).items()} for part in SETTINGS}
        chosen = [{group: node.option} for group, node in self.nodes().items()]
        groups = {group: node.values for group, node in self.nodes().items() if node.values}
        return {"defaults": chosen, "name": self.name, "seed": self.seed, **settings, **groups}


@dataclass(frozen=True)
class PartialRecipe:
    """A recipe as far as it could be read: the groups and settings without mistakes, and every mistake in the rest."""

    composition: Composition
    nodes: dict[str, Node]
    loop: Loop | None
    cache: CacheRules | None
    report: ReportRules | None
    mistakes: tuple[Mistake, ...]

    def recipe(self) -> Recipe:
        """The whole recipe; Mistakes lists everything that is wrong, each with file:line and a suggestion."""
        if self.mistakes or self.loop is None or self.cache is None or self.report is None:
            raise Mistakes(self.mistakes)
        return Recipe(
            name=self.composition.values["name"],
            loop=self.loop,
            cache=self.cache,
            report=self.report,
            seed=self.composition.values["seed"],
            origins=dict(self.composition.origins),
            notes=tuple(self.composition.notes),
            **self.nodes,
        )


def load(reference: str, overrides: list[str] | None = None) -> Recipe:
    """Compose and bind a recipe; Mistakes lists everything that is wrong, each with file:line and a suggestion."""
    return read_recipe(reference, overrides or []).recipe()


def read_recipe(reference: str, overrides: list[str]) -> PartialRecipe:
    """Compose a recipe and bind what is right in it; TLError only where its files cannot be read at all."""
    composition = compose(reference, overrides)
    composition.values.setdefault(
        "name", re.sub(r"[^\w.-]+", "_", Path(composition.file).stem).lstrip(".-") or "recipe"
    )
    mistakes = list(composition.mistakes)
    wrong: set[str] = set()

    shapes = _shapes(composition)
    absent = [key for key in (*GROUPS, *_PLAIN) if key not in shapes and key not in composition.unknown_options]

    repairs = Repairs(shapes, composition.values, composition.layers)

    def report(key: str, mistake: Mistake) -> None:
        wrong.add(key.partition(".")[0])
        mistake = repairs.repaired(mistake, key)
        if not absent or not mistake.startswith("is missing"):  # without 'base' all keys are, which is said once
            mistakes.append(mistake.after(f"{composition.origin_of(key)}: {key} ", key=key))

    for key in composition.values:
        if key not in (*GROUPS, *_PLAIN):
            report(key, _unknown_key(key))
    for key, shape in shapes.items():
        shape.check(composition.values[key], key, report)
    if "name" not in wrong and (trouble := _why_no_folder_name(composition.values["name"])):
        report("name", Mistake(trouble, code="E042"))
    sound = shapes.keys() - wrong
    values, notes = composition.values, composition.notes
    settings = {k: bind(shapes[k], absolute(shapes[k], values[k], absolute_path)) for k in SETTINGS if k in sound}
    loop = Loop(**settings["loop"]) if "loop" in settings else None
    cache = _cache_rules(settings["cache"], composition) if "cache" in settings else None
    shown = ReportRules(**settings["report"]) if "report" in settings else None
    for key, text in loop.mistakes().items() if loop is not None else ():
        report(f"loop.{key}", Mistake(text, code="E034"))
    if absent:
        text = f"{composition.file}: has no {', '.join(absent)}: write '- base' first in 'defaults'."
        mistakes.append(Mistake(text, code="E023", fix=composition.layers.based(composition.file)))
    groups = [group for group in GROUPS if group in shapes.keys() - wrong]
    nodes = {
        group: Node(
            group,
            composition.choices[group],
            absolute(shapes[group], values[group], partial(run_path, notes=notes)),
        )
        for group in groups
    }
    return PartialRecipe(composition, nodes, loop, cache, shown, tuple(sorted(mistakes, key=_position)))


def _cache_rules(values: dict[str, Any], composition: Composition) -> CacheRules:
    """The rules of these values, without a folder that does not count: a note says why."""
    rules = CacheRules(**values)
    note = why_not_counted(rules.folder, composition.origin_of("cache.folder"))
    if not note:
        return rules
    composition.notes.append(note)
    return replace(rules, folder=None)


def _why_no_folder_name(name: str) -> str:
    """Why the name cannot be that of a folder; '' where it can."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        return f"is '{name[:_LONGEST_NAME]}', but it names a folder: use letters, digits, _, - and . only."
    size = len(name.encode())
    return f"has {size} bytes, but it names a folder: use at most {_LONGEST_NAME}." if size > _LONGEST_NAME else ""


def _position(mistake: str) -> tuple[str, int]:
    """The sort key of a mistake: its file, then its line."""
    match = re.match(r"(\S[^:]*):(?:(\d+):)?", mistake)
    return (match[1], int(match[2] or 0)) if match else ("", 0)


def _unknown_key(key: str) -> Mistake:
    group, dot, rest = key.partition(".")
    if dot and group in (*GROUPS, *SETTINGS):
        text = f"is written in two lines in a file: '{group}:' and, indented below it, '{rest}: ...'."
        return Mistake(text, code="E025")
    return Mistake("is no key of a recipe.", code="E017")


def _shapes(composition: Composition) -> dict[str, Shape]:
    """The shape of each part of the recipe that is there."""
    found: dict[str, Shape] = {"name": Scalar("str")}
    found |= {name: settings_shape(name) for name in SETTINGS if name in composition.values}
    if "seed" in composition.values:
        found["seed"] = Scalar("int")
    for group in GROUPS:
        if group in composition.choices and group not in composition.unknown_options:
            option = options(group)[composition.choices[group]]
            found[group] = signature(option.source, option.module).record
    return found


def settings_shape(name: str) -> Record:
    """The shape of `loop`, `cache` or `report`."""
    classes = {"loop": Loop, "cache": CacheRules, "report": ReportRules}
    return dataclass_shape(Path(__file__), "tl.recipe.recipe", classes[name].__name__)
