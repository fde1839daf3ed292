"""A composed recipe before it is checked: plain values, their origins, and the mistakes met on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tl.errors import Mistake, TLError, did_you_mean
from tl.recipe.mending import Fix, Layers, only_near
from tl.recipe.registry import RECIPES, options
from tl.recipe.yamlfile import YamlFile, read

_MOST_STARTS = 100


@dataclass
class Composition:
    """A composed recipe before it is checked: plain values, and the origin of each dotted key.

    An origin is `file:line` or the command line. `choices` are the options by group (the key of their origins is
    `group=`), `unknown_options` the groups whose option does not exist.
    """

    file: str
    choices: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_options: set[str] = field(default_factory=set)
    layers: Layers = field(default_factory=Layers)
    read: dict[Path, YamlFile] = field(default_factory=dict)
    starts: int = 0

    def start_from(self, path: Path, origin: str) -> YamlFile:
        """The file of a recipe that another starts from, read once; TLError where there are too many of them."""
        self.starts += 1
        if self.starts > _MOST_STARTS:
            text = f"{origin}: this recipe starts from more than {_MOST_STARTS} others: merge some of them."
            raise TLError(text, code="E049")
        if path not in self.read:
            self.read[path] = read(path)
        return self.read[path]

    def origin_of(self, key: str) -> str:
        """The origin of a dotted key; else of the mapping around the key, else of the choice of its group's option.

        A shipped file is named only where the recipe itself is shipped: what users must mend is in their own recipes.
        """
        chosen = f"{key.partition('.')[0]}="
        while key and key not in self.origins:
            key = key.rpartition(".")[0]
        found = [self.origins[name] for name in (key, chosen) if name in self.origins]
        return next((origin for origin in found if _is_shipped(self.file) or not _is_shipped(origin)), self.file)

    def report(self, origin: str, text: str, *, code: str, key: str = "", fix: Fix = ()) -> None:
        """Add a mistake that stands at an origin."""
        self.mistakes.append(Mistake(f"{origin}: {text}", code=code, key=key, fix=fix))

    def choose(self, group: str, name: str, origin: str, at: str = "") -> None:
        """Choose an option for a group; the keys that were set for another option before are dropped.

        `at` is the dotted key of the choice in its file, such as defaults.1.head.
        """
        self.origins[f"{group}="] = origin
        known = options(group)
        if name not in known:
            near = only_near(name, known)
            fix = self.layers.rewritten(at, near[0]) if at and near else ()
            text = f"'{name}' is no {group} option.{did_you_mean(name, known)}"
            self.report(origin, text, code="E018", key=group, fix=fix)
            self.unknown_options.add(group)
            return
        if self.choices.get(group, name) != name and self.values.get(group):
            old = ", ".join(f"{group}.{key}" for key in self.values.pop(group))
            self.notes.append(f"{old} belonged to {group} '{self.choices[group]}' and went with it ({origin}).")
            self.origins = {k: v for k, v in self.origins.items() if k != group and not k.startswith(f"{group}.")}
        self.choices[group] = name
        self.unknown_options.discard(group)


def _is_shipped(origin: str) -> bool:
    return Path(origin).absolute().is_relative_to(RECIPES)
