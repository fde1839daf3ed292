"""Data that a run was not trained on, read as the run's data option reads: by `tl evaluate --data` and `tl predict`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tl.commands.open_run import Trained
from tl.components.data.base import DataSource, Purpose
from tl.components.data.tablefile import FORMATS
from tl.errors import TLError, nearest
from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.recipe import load as load_recipe
from tl.run.run import RECIPE

# Other folders and files that training names beside the path of its data. They belong to that data and to no other.
_BESIDE: dict[str, dict[str, object]] = {"root": {}, "file": {"files": None, "images": None}}
_COLUMNS = ("text", "pair", "image", "label")


def is_table(path: Path) -> bool:
    """Whether a path is a file whose name ends as a table's does."""
    return has_tables_name(path) and os.path.isfile(path)


def has_tables_name(path: Path) -> bool:
    """Whether a path ends as a table's does; there may be no such file."""
    kind = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    return kind.lower() in FORMATS


def data_node(trained: Trained, overrides: Sequence[str]) -> Node:
    """The run's data option with `overrides`, such as data.text=review; TLError for a key that is not the data's."""
    if wrong := next((text for text in overrides if not text.startswith("data.")), None):
        raise TLError(
            f"'{wrong}': a trained run is used as it is; only keys of its data can be set, as in data.text=review."
        )
    return load_recipe(str(trained.run.path / RECIPE), list(overrides)).data if overrides else trained.recipe.data


def open_other(trained: Trained, path: Path, overrides: Sequence[str], purpose: Purpose, key: str) -> DataSource:
    """The data option of a run with `overrides`, set to read `path`, which `key` of the command line names.

    A table is read by the option `table`, whatever the run was trained on. No sample may be skipped, since metrics are
    over all samples, and every sample gets its answer.
    """
    if not path.exists():
        near = (p.name for p in path.parent.iterdir()) if path.parent.is_dir() else ()
        raise TLError(f"{key}: there is nothing at '{path}'.{nearest(path.name, near)}")
    data = trained.recipe.data
    texts_alone = purpose == "prediction" and data.option != "table"
    if is_table(path) and (texts_alone or "file" not in data.values):
        node = _as_table(data, overrides)
    else:
        node = data_node(trained, overrides)
    named = next((name for name in _BESIDE if name in node.values), None)
    if named is None:
        raise TLError(f"{key}: the run's data option '{node.option}' reads no path, so it cannot read '{path}'.")
    chosen = {text.partition("=")[0].removeprefix("data.") for text in overrides}
    beside = {name: value for name, value in _BESIDE[named].items() if name in node.values and name not in chosen}
    values: dict[str, Any] = {**node.values, **beside, named: str(path.absolute()), "on_error": "stop"}
    if purpose == "prediction" and "data.pair=null" in overrides:  # texts of pairs without a target, each alone
        values["label"] = values["label"] or values["text"]  # which prediction does not read
        values |= {"numbers": [], "labels": None, "label_columns": []}
    source: DataSource = build(replace(node, values=values))
    source.purpose = purpose
    return source


def _as_table(node: Node, overrides: Sequence[str]) -> Node:
    """The option `table` with the columns that another option names; the class is in the column `label` by default."""
    columns = {"label": "label"} | {key: node.values[key] for key in _COLUMNS if node.values.get(key)}
    table = load_recipe("base", ["data=table", *overrides]).data
    set_here = {text.partition("=")[0].removeprefix("data.") for text in overrides}
    return replace(table, values={**table.values, **{k: v for k, v in columns.items() if k not in set_here}})
