"""What the report tells of this machine: folders, and pictures that lie outside the data's folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from tl.components.sample import Sample, halves_of
from tl.recipe.recipe import Recipe
from tl.report.facts import Facts

# An absolute path in a text, up to its last name; not what follows a scheme, as in https://example.org/a/b.
_ABSOLUTE = re.compile(r"(?<![\w/.…~-])~?/(?:[^/\s'\"=,;:()\[\]]+/)+")


class Shown:
    """Says of samples whether their pictures may stand in a file that is passed on."""

    def __init__(self, recipe: Recipe) -> None:
        values = recipe.data.values
        named = [*(values[key] for key in ("root", "images") if values.get(key))]
        tables = [values["file"]] if values.get("file") else [*(values.get("files") or {}).values()]
        folders = [*map(Path, named), *(Path(table).parent for table in tables)]
        self.folders = () if recipe.report.elsewhere else tuple(folder.resolve() for folder in folders)

    def __call__(self, sample: Sample) -> bool:
        """True for texts, pictures without a file, and files that lie, links followed, in a folder that data names."""
        pictures = [half.resolve() for half in halves_of(sample.input) if isinstance(half, Path)]
        places = ([place.is_relative_to(folder) for folder in self.folders] for place in pictures)
        return not self.folders or all(map(any, places))


def without_folders(facts: Facts, recipe: Recipe, run: Path) -> Facts:
    """The facts without the folders that absolute paths lie in, and with `~` for the user's own folder.

    What lies below a path that the recipe names is told from that path on; of other paths the last name is left. Those
    are found by their slashes, so a folder of theirs that holds a blank stays in part.
    """
    home = Path.home()
    named = [*_paths(recipe.plain()), run.absolute(), Path.cwd()]
    folders = {one.parent for path in named for one in (path, path.resolve())}
    kept = sorted(map(str, (folder for folder in folders if not home.is_relative_to(folder))), key=len, reverse=True)

    def shortened(text: str) -> str:
        for folder in kept:
            text = text.replace(f"{folder}/", "…/")
        return _ABSOLUTE.sub("…/", re.sub(rf"{re.escape(str(home))}(?![\w.-])", "~", text))

    changed: Facts = _mapped(facts, shortened)
    return changed


def _paths(value: Any) -> list[Path]:
    match value:
        case str() if value.startswith("/"):
            return [Path(value)]
        case dict():
            return [path for one in value.values() for path in _paths(one)]
        case list():
            return [path for one in value for path in _paths(one)]
    return []


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each text in it changed, in dataclasses, mappings and sequences too."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {_mapped(key, change): _mapped(one, change) for key, one in value.items()}
        case bytes() | None:
            return value
        case tuple():
            return tuple(_mapped(one, change) for one in value)
        case Sequence():
            return [_mapped(one, change) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _mapped(getattr(value, one.name), change) for one in fields(value)})
    return value
