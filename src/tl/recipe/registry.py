"""The registry: an option is a YAML file and the module of the same name, here or in an installed plug-in.

A plug-in declares an entry point in the group `tl.<group>`, named like the option, whose value names the module
(`pkg.heads.mine`); the YAML file with its defaults lies beside that module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

from tl.errors import TLError

GROUPS = ("data", "task", "backbone", "head", "adapter", "freeze", "augment", "optimizer", "method")
# The parts of a recipe that are no groups: each is a mapping whose keys are the same for all recipes.
SETTINGS = ("loop", "cache", "report")
_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z])")
_PACKAGE = Path(__file__).parents[1]
_COMPONENTS = _PACKAGE / "components"
RECIPES = _PACKAGE / "recipes" if (_PACKAGE / "recipes").is_dir() else _PACKAGE.parents[1] / "recipes"


@dataclass(frozen=True)
class Option:
    """One choice in a group: `yaml` is the file of its defaults, `source` the module whose one final class is built."""

    group: str
    name: str
    module: str
    yaml: Path
    source: Path

    def what(self) -> str:
        """The first sentence of the option's YAML file: what it is for."""
        return first_line(self.yaml)


def first_line(path: Path) -> str:
    """The first sentence of the comment at the top of a YAML file; '' where there is none."""
    comment = takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines())
    text, *more = [line[2:].strip() for line in comment] or [""]
    for line in more:
        if text.endswith(".") or line.startswith("Run:"):
            break
        text = f"{text} {_SENTENCE.split(line)[0]}"
    return text


@cache
def options(group: str) -> dict[str, Option]:
    """All options of a group by name, shipped ones first."""
    found = {
        path.stem: Option(
            group, path.stem, f"tl.components.{group}.{path.stem}", path, _COMPONENTS / group / f"{path.stem}.py"
        )
        for path in sorted((RECIPES / group).glob("[!_]*.yaml"))
    }
    for entry in entry_points(group=f"tl.{group}"):
        module = entry.value.partition(":")[0]
        source = _module_file(module, entry.name)
        found.setdefault(entry.name, Option(group, entry.name, module, source.with_suffix(".yaml"), source))
    return found


def _module_file(module: str, name: str) -> Path:
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        text = f"The plug-in option '{name}' names the module '{module}', which cannot be found: reinstall it."
        raise TLError(text, code="E043")
    origin = Path(spec.origin)
    source = origin.parent.joinpath(*rest).with_suffix(".py") if rest else origin
    if not (source.is_file() and source.with_suffix(".yaml").is_file()):
        text = f"The plug-in option '{name}' needs {source} with {source.stem}.yaml beside it: reinstall it."
        raise TLError(text, code="E043")
    return source


def shipped_recipes() -> dict[str, Path]:
    """The files of the shipped recipes by name; all others start from `base`."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}
