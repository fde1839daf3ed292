"""From a recipe's name or path and `key=value` overrides to one plain mapping with the origin of every key.

Recipe files are layers: in its `defaults`, a file names the recipes that it starts from and options for some groups;
then it sets keys. Where a layer chooses another option for a group, the keys that earlier layers set for the old option
are dropped, and a note says so. Hydra composes the chosen options and parses the overrides. Hydra never sees a recipe's
own keys, so that no recipe can reach Hydra's special keys, and Hydra's DictConfig does not leave this file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from tl.errors import Mistake, Mistakes, TLError, did_you_mean, nearest
from tl.recipe.composition import Composition
from tl.recipe.earlier import add_newer_settings, add_task, restore_former
from tl.recipe.mending import Layers, only_near
from tl.recipe.newest import newest_in_words, newest_run
from tl.recipe.overrides import COMMAND_LINE, assign, merge, parse
from tl.recipe.references import BadReference, References
from tl.recipe.registry import GROUPS, RECIPES, SETTINGS, Option, options, shipped_recipes
from tl.recipe.weights import RUN_RECIPE
from tl.recipe.yamlfile import YamlFile, read, short_path

_MAPPINGS = (*GROUPS, *SETTINGS)
_PRIMARY = "tl_recipe"


def find(reference: str) -> Path:
    """The recipe file a user means: a path, a run's folder or a folder of runs, or the name of a shipped recipe."""
    path, known = Path(reference), shipped_recipes()
    stored = (path if reference in known else newest_run(path)) / RUN_RECIPE
    if stored.is_file():
        return stored
    near = [*known, *(p.name for p in path.parent.glob("*.y*ml"))]
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise TLError(f"There is no recipe file '{reference}'.{did_you_mean(path.name, near)}", code="E021")
    if reference in known:
        return known[reference]
    if path.is_file():
        raise TLError(f"'{reference}' is no recipe: a recipe is a .yaml file.{nearest(path.stem, near)}", code="E021")
    raise TLError(f"There is no recipe '{reference}'.{did_you_mean(reference, near) or ' See tl list.'}", code="E021")


def compose(reference: str, overrides: list[str]) -> Composition:
    """Compose a recipe; mistakes that do not prevent further checks are collected in the composition."""
    path = find(reference)
    composition = Composition(short_path(path))
    if path.name == RUN_RECIPE and path.parent.parent == Path(reference):
        composition.notes.append(newest_in_words(Path(reference), path.parent))
    file = read(path)
    _add_file(file, composition, ())
    assignments = [found for text in overrides if (found := parse(text, composition.mistakes)) is not None]
    for key, value in assignments:
        if key in GROUPS and not isinstance(value, dict):
            composition.choose(key, "null" if value is None else str(value), COMMAND_LINE)
    whole = not any(isinstance(entry, str) for entry, _ in file.defaults)
    if whole:
        add_task(composition)
    values = _option_defaults(composition)
    if whole:
        restore_former(values, composition)
    merge(values, {key: value for key, value in composition.values.items() if key not in composition.unknown_options})
    for key, value in assignments:
        top = key.partition(".")[0]
        if top not in composition.unknown_options and (key not in GROUPS or isinstance(value, dict)):
            assign(values, key, value, composition.mistakes)
            composition.origins[key] = COMMAND_LINE
            composition.layers.forget(key)
            if top not in GROUPS:
                composition.origins.setdefault(top, COMMAND_LINE)
    add_newer_settings(values, composition)
    composition.values = _without_references(values, composition)
    return composition


def _add_file(file: YamlFile, composition: Composition, seen: tuple[Path, ...]) -> None:
    if file.path.resolve() in seen:
        text = f"{short_path(file.path)}: this recipe starts from itself: break the circle in 'defaults'."
        raise TLError(text, code="E022")
    for number, (entry, origin) in enumerate(file.defaults):
        match entry:
            case "_self_":
                continue
            case str():
                composition.layers.add(file)
                found = _included(entry, file.path, origin, composition.layers, f"defaults.{number}")
                _add_file(composition.start_from(found, origin), composition, (*seen, file.path.resolve()))
            case dict() if len(entry) == 1:
                key, name = next(iter(entry.items()))
                group = str(key).removeprefix("override ").strip().lstrip("/")
                if group in GROUPS:
                    composition.layers.add(file)
                    composition.choose(group, str(name), origin, f"defaults.{number}.{key}")
                else:
                    text = f"'{group}' is no group of options.{did_you_mean(group, GROUPS)}"
                    composition.layers.add(file)
                    close = only_near(group, GROUPS)
                    fix = composition.layers.renamed(f"defaults.{number}.{key}", close[0]) if close else ()
                    composition.report(origin, text, code="E019", fix=fix)
            case _:
                text = f"'{entry}' is neither a recipe's name nor 'group: option'."
                composition.report(origin, text, code="E020")
    composition.layers.add(file)
    for key, value in file.values.items():
        if key in GROUPS and not isinstance(value, dict | None):
            _choose_by_key(key, str(value), file.origins[key], composition)
        elif value is not None or key not in _MAPPINGS:
            merge(composition.values, {key: value})
    composition.origins.update(
        {key: origin for key, origin in file.origins.items() if key.partition(".")[0] != "defaults"}
    )


def _choose_by_key(group: str, name: str, origin: str, composition: Composition) -> None:
    if name in options(group):
        text = f"an option is chosen in 'defaults': write '- {group}: {name}' there."
        composition.report(origin, text, code="E024", key=group, fix=composition.layers.chosen(group, name))
    composition.choose(group, name, origin)


def _included(name: str, of: Path, origin: str, layers: Layers, at: str) -> Path:
    """The file of a recipe that another starts from; `at` is the dotted key of its name there."""
    beside = of.parent / name if name.endswith((".yaml", ".yml")) else of.parent / f"{name}.yaml"
    if name in shipped_recipes():
        return shipped_recipes()[name]
    if beside.is_file():
        return beside
    near = [*shipped_recipes(), *(p.stem for p in of.parent.glob("*.yaml"))]
    text = f"{origin}: there is no recipe '{name}' to start from.{did_you_mean(name, near)}"
    close = only_near(name, near, alike=0.7)
    fix = layers.rewritten(at, close[0]) if close else ()
    raise Mistakes([Mistake(text, code="E021", fix=fix)])


def _option_defaults(composition: Composition) -> dict[str, Any]:
    """The keys of the chosen options with their defaults, composed by Hydra from the options' files."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    usable = {group: name for group, name in composition.choices.items() if group not in composition.unknown_options}
    for group, name in usable.items():
        option = options(group)[name]
        file = read(option.yaml)
        _note_origins(option, composition)
        if option.yaml.parent != RECIPES / group:
            node = {"defaults": [entry for entry, _ in file.defaults] or ["_self_"], **file.values}
            store.store(group=group, name=name, node=OmegaConf.create(node))
    store.store(name=_PRIMARY, node=OmegaConf.create({"defaults": [{group: usable[group]} for group in usable]}))
    with initialize_config_dir(str(RECIPES), version_base="1.3"):
        values = OmegaConf.to_container(hydra_compose(_PRIMARY))
    assert isinstance(values, dict)
    return {**{group: {} for group in usable}, **{str(key): value for key, value in values.items()}}


def _note_origins(option: Option, composition: Composition) -> None:
    """Note the origin of each key's default in an option; a key without default has no origin yet."""
    for layer in reversed(option_files(option)):
        for key, origin in layer.origins.items():
            top = key.partition(".")[0]
            if top != "defaults" and layer.values[top] != "???":
                composition.origins.setdefault(f"{option.group}.{key}", origin)


def option_files(option: Option) -> list[YamlFile]:
    """The files of an option: those that it starts from, then its own."""
    return _files_seen_from(Path.cwd(), option)


@cache
def _files_seen_from(here: Path, option: Option) -> list[YamlFile]:
    """The files of an option, with paths as a user in the folder `here` would type them."""
    file = read(option.yaml)
    return [*(read(_shared_file(option, str(name))) for name, _ in file.defaults if name != "_self_"), file]


def _shared_file(option: Option, name: str) -> Path:
    beside = option.yaml.parent / f"{name}.yaml"
    return beside if beside.is_file() else RECIPES / option.group / f"{name}.yaml"


def _without_references(values: dict[str, Any], composition: Composition) -> dict[str, Any]:
    """The values with every ${...} filled in."""
    try:
        return References(values).filled()
    except BadReference as error:
        composition.report(composition.origin_of(error.key), f"{error.key}: {error}.", code="E041", key=error.key)
        raise Mistakes(composition.mistakes) from error
