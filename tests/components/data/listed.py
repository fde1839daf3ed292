"""Data sources for tests: a list of samples that a test gives, or any data option with its YAML defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.built import defaults
from tl.components.data.base import Common, DataSource, Division
from tl.components.sample import Sample, Target
from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.signature import signature
from tl.space import Kind


def common(**changes: Any) -> Common:
    split = Division(
        **{"val": 0.2, "test": 0.1, "stratify": True, "duplicates": "together", "groups": "shuffled", "seed": 0}
        | changes.pop("split", {})
    )
    keys: dict[str, Any] = {"limit": None, "per_class": None, "classes": None, "balance": "none"}
    keys |= {"on_error": "stop", "skip_limit": 0.05, "missing": ()}
    return Common(split=split, **{**keys, **changes})  # type: ignore[typeddict-item]


class Listed(DataSource):
    modality = "text"

    def __init__(self, samples: Sequence[Sample], kind: Kind = "single", columns: tuple[str, ...] = (), **changes: Any):
        super().__init__(common(**changes))
        self.samples, self.kind, self.columns = samples, kind, columns

    def read(self) -> list[Sample]:
        return [*self.samples]

    def target_names(self) -> tuple[str, ...]:
        return self.columns


def row(number: int, target: Target, split: str | None = None, group: str | None = None) -> Sample:
    return Sample(f"row {number}", f"text {number}", target, f"rows.csv:{number + 2}", split, group)


def rows(split: str | None = None, start: int = 0, **counts: int) -> list[Sample]:
    """The given number of samples of each class, one class after the other."""
    names = [name for name, n in counts.items() for _ in range(n)]
    return [row(start + i, name, split) for i, name in enumerate(names)]


def option(name: str, **changes: Any) -> DataSource:
    """A data option with its YAML defaults, some keys changed, built as from a recipe."""
    chosen = options("data")[name]
    values = defaults(chosen.yaml) | changes
    mistakes: list[str] = []
    record = signature(chosen.source, chosen.module).record
    record.check(values, "data", lambda key, text: mistakes.append(f"{key} {text}"))
    assert mistakes == []
    source: DataSource = build(Node("data", name, values))
    return source
