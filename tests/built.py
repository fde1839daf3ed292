"""Options built from their YAML defaults, some of them changed, as a recipe would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.signature import signature
from tl.recipe.weights import RUN_MODEL
from tl.recipe.yamlfile import read
from tl.run.disk import hash_of


def defaults(path: Path) -> dict[str, Any]:
    """An option file's values over those of the files it starts from."""
    file, values = read(path), {}
    for name in (str(entry) for entry, _ in file.defaults if entry != "_self_"):
        values |= defaults(path.parent / f"{name}.yaml")
    return values | file.values


def mistakes(group: str, name: str, /, **changes: Any) -> list[str]:
    """What is wrong with an option's values when bound to its class."""
    found: list[str] = []
    chosen = options(group)[name]
    record = signature(chosen.source, chosen.module).record
    record.check(defaults(chosen.yaml) | changes, group, lambda key, text: found.append(f"{key} {text}"))
    return found


def sealed(run: Path) -> Path:
    """The folder of a run that was made up, which then knows the hash of its weights."""
    (run / "recipe.yaml").touch()
    (run / "meta.json").write_text(json.dumps({"files": {RUN_MODEL: hash_of(run / RUN_MODEL)}}))
    return run


def option(group: str, name: str, /, supplied: dict[str, Any] | None = None, **changes: Any) -> Any:
    """An option's object; `supplied` is what assemble gives it."""
    assert mistakes(group, name, **changes) == []
    return build(Node(group, name, defaults(options(group)[name].yaml) | changes), **(supplied or {}))
