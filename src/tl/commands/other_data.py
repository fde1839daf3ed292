"""Data that a run was not trained on, read as the run's data option reads: by `tl evaluate --data` and `tl predict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tl.commands.open_run import Trained
from tl.components.data.base import DataSource, Purpose
from tl.errors import TLError, nearest
from tl.recipe.build import build

# Other folders and files that training names beside the path of its data. They belong to that data and to no other.
_BESIDE: dict[str, dict[str, object]] = {"root": {}, "file": {"files": None, "images": None}}


def open_other(trained: Trained, path: Path, overrides: Sequence[str], purpose: Purpose, key: str) -> DataSource:
    """The data option of a run, set to read `path`, which `key` of the command line names.

    `overrides` were applied to the run's recipe before: the places that they name stay. No sample may be skipped, since
    metrics are over all samples.
    """
    if not path.exists():
        near = (p.name for p in path.parent.iterdir()) if path.parent.is_dir() else ()
        raise TLError(f"{key}: there is nothing at '{path}'.{nearest(path.name, near)}")
    node = trained.recipe.data
    named = next((name for name in _BESIDE if name in node.values), None)
    if named is None:
        raise TLError(f"{key}: the run's data option '{node.option}' reads no path, so it cannot read '{path}'.")
    chosen = {text.partition("=")[0].removeprefix("data.") for text in overrides}
    beside = {name: value for name, value in _BESIDE[named].items() if name in node.values and name not in chosen}
    values: dict[str, Any] = {**node.values, **beside, named: str(path.absolute()), "on_error": "stop"}
    source: DataSource = build(replace(node, values=values))
    source.purpose = purpose
    return source
