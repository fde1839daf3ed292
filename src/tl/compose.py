"""From a recipe's name or path and `key=value` overrides to one plain mapping with the origin of every key.

Recipe files are layers: a file names the recipes it starts from and one option for each group in its `defaults`, then
sets keys. Choosing another option for a group drops what earlier layers set for the old one (it is noted). Hydra
composes the chosen options and parses the overrides; its DictConfig does not leave this module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tl.errors import TLError, did_you_mean
from tl.options import GROUPS, RECIPES, options, stories
from tl.yamlfile import YamlFile, read, shown

COMMAND_LINE = "command line"
_PRIMARY = "tl_recipe"


@dataclass
class Draft:
    """What composing gave: unbound values, and where each dotted key was set."""

    name: str
    choices: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def choose(self, group: str, name: str, at: str) -> None:
        """Take an option for a group; another option than before drops the keys set for that one."""
        self.where[f"{group}="] = at
        known = options(group)
        if name not in known:
            self.mistakes.append(f"{at}: '{name}' is no {group} option.{did_you_mean(name, known)}")
            self.broken.add(group)
            return
        if self.choices.get(group, name) != name and self.values.get(group):
            old = ", ".join(f"{group}.{key}" for key in self.values.pop(group))
            self.notes.append(f"{old} belonged to {group} '{self.choices[group]}' and went with it ({at}).")
            self.where = {k: v for k, v in self.where.items() if not k.startswith(f"{group}.")}
        self.choices[group] = name
        self.broken.discard(group)


def find(reference: str) -> Path:
    """The recipe file a user means: a path, or the name of a shipped recipe."""
    path = Path(reference)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if path.is_file():
            return path
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise TLError(f"There is no recipe file '{reference}'.{did_you_mean(path.name, near)}")
    known = stories()
    if reference not in known:
        raise TLError(f"There is no recipe '{reference}'.{did_you_mean(reference, known) or ' See tl list.'}")
    return known[reference]


def compose(reference: str, overrides: list[str]) -> Draft:
    """Compose a recipe; mistakes that stop nothing else are collected in the draft."""
    path = find(reference)
    draft = Draft(path.stem)
    _layer(read(path), draft, ())
    assignments = [_assignment(text, draft) for text in overrides]
    for key, value in filter(None, assignments):
        if key in GROUPS and isinstance(value, str):
            draft.choose(key, value, COMMAND_LINE)
    _hydra(draft)
    for key, value in filter(None, assignments):
        if not (key in GROUPS and isinstance(value, str)):
            _put(draft.values, key.split("."), value)
            draft.where[key] = COMMAND_LINE
    return draft


def _layer(file: YamlFile, draft: Draft, seen: tuple[Path, ...]) -> None:
    if file.path.resolve() in seen:
        raise TLError(f"{shown(file.path)}: this recipe starts from itself: break the circle in 'defaults'.")
    for entry, at in file.defaults:
        match entry:
            case "_self_":
                continue
            case str():
                _layer(read(_included(entry, file.path, at)), draft, (*seen, file.path.resolve()))
            case dict() if len(entry) == 1:
                key, name = next(iter(entry.items()))
                group = str(key).removeprefix("override ").strip().lstrip("/")
                if group in GROUPS:
                    draft.choose(group, str(name), at)
                else:
                    draft.mistakes.append(f"{at}: '{group}' is no group of options.{did_you_mean(group, GROUPS)}")
            case _:
                draft.mistakes.append(f"{at}: '{entry}' is neither a recipe's name nor 'group: option'.")
    _merge(draft.values, file.values)
    draft.where.update(file.where)


def _included(name: str, of: Path, at: str) -> Path:
    beside = of.parent / name if name.endswith((".yaml", ".yml")) else of.parent / f"{name}.yaml"
    if name in stories():
        return stories()[name]
    if beside.is_file():
        return beside
    near = [*stories(), *(p.stem for p in of.parent.glob("*.yaml"))]
    raise TLError(f"{at}: there is no recipe '{name}' to start from.{did_you_mean(name, near)}")


def _assignment(text: str, draft: Draft) -> tuple[str, Any] | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, equals, _ = text.partition("=")
    if not equals or key[:1] in "+~" or "@" in key:
        draft.mistakes.append(f"{COMMAND_LINE}: '{text}' is no override: write key=value, as in optimizer.lr=1e-4.")
        return None
    try:
        parsed = OverridesParser.create().parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        draft.mistakes.append(f"{COMMAND_LINE}: '{text}' cannot be read: {reason}. Quote texts: '{key}=\"...\"'.")
        return None
    return key, parsed.value()


def _hydra(draft: Draft) -> None:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    store = ConfigStore.instance()
    usable = {group: name for group, name in draft.choices.items() if group not in draft.broken}
    for group, name in usable.items():
        option = options(group)[name]
        if option.yaml.parent != RECIPES / group:
            store.store(group=group, name=name, node=OmegaConf.create(read(option.yaml).values))
        inherited = read(option.yaml)
        for file in [
            *(read(_shared(option.yaml, entry)) for entry, _ in inherited.defaults if entry != "_self_"),
            inherited,
        ]:
            for key, at in file.where.items():
                draft.where.setdefault(f"{group}.{key}", at)
    own = {key: value for key, value in draft.values.items() if key not in draft.broken}
    defaults = [*({group: name} for group, name in usable.items()), "_self_"]
    store.store(name=_PRIMARY, node=OmegaConf.create({"defaults": defaults, **own}))
    try:
        with initialize_config_dir(str(RECIPES), version_base="1.3"):
            config = hydra_compose(_PRIMARY)
        values = OmegaConf.to_container(config, resolve=True)
    except (OmegaConfBaseException, HydraException) as error:
        at = draft.where.get(str(getattr(error, "full_key", "") or ""), draft.name)
        raise TLError(f"{at}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    draft.values = {str(key): value for key, value in values.items()}


def _shared(option: Path, name: str) -> Path:
    return option.parent / f"{name}.yaml"


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for key in parents:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            inner = values[key] = {}
        values = inner
    values[last] = value
