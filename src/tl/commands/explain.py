"""`tl explain` and `tl list`: what every group, option and key of a recipe is, read from sources and YAML comments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tl.commands.kinds import MistakeHelp, kinds
from tl.commands.words import WordHelp, all_words, of_other_tools, words_for
from tl.errors import TLError, did_you_mean
from tl.recipe.compose import option_files
from tl.recipe.peers import peer
from tl.recipe.recipe import settings_shape
from tl.recipe.registry import GROUPS, RECIPES, SETTINGS, Option, first_line, options, shipped_recipes
from tl.recipe.shape import Choice, Scalar, Shape, fields_of
from tl.recipe.signature import signature
from tl.recipe.yamlfile import YamlFile, flow, read

_REQUIRED = "???"
_CODE = re.compile(r"[eE]\d{3}")
_WORDS = re.compile(r"one of (\w+(?:, \w+)*)")
_WITHOUT_OPTIONS = {
    "loop": "How a run goes, whatever is learnt.",
    "cache": "What frozen stages give, computed once and read back after.",
    "report": "What a run's report shows of paths and pictures.",
    "seed": "The one seed that all chance follows from.",
    "name": "What the recipe is called.",
}


@dataclass(frozen=True)
class KeyHelp:
    """A key: the `options` of its group that have it, what it `takes`, its default as YAML, and the default's place.

    `recipes` are the shipped recipes that set it.
    """

    name: str
    options: tuple[str, ...]
    takes: str
    default: str
    place: str
    comment: str
    recipes: tuple[str, ...] = ()

    def offers(self, word: str) -> bool:
        """Whether the key takes one of a few words, of which this is one."""
        return any(word in words.split(", ") for words in _WORDS.findall(self.takes))


@dataclass(frozen=True)
class OptionHelp:
    """An option with the help for its keys."""

    group: str
    name: str
    what: str
    keys: tuple[KeyHelp, ...]


@dataclass(frozen=True)
class GroupHelp:
    """A group with the help for its options; the settings (`loop`), `seed` and `name` have keys instead of options."""

    name: str
    what: str
    entries: tuple[OptionHelp, ...]
    keys: tuple[KeyHelp, ...]


Explanation = GroupHelp | OptionHelp | KeyHelp | MistakeHelp | WordHelp


def recipes() -> dict[str, str]:
    """The shipped recipes by name, with the first sentence of each."""
    return {name: first_line(path) for name, path in shipped_recipes().items()}


def group(name: str) -> GroupHelp:
    """The help for a group; TLError for a name that is no group."""
    if name in GROUPS:
        return GroupHelp(name, _docstring(name), tuple(entry(option) for option in options(name).values()), ())
    if name in _WITHOUT_OPTIONS:
        keys = [
            key for key in base_keys() if key.name.startswith(f"{name}.") or (key.name == name and name not in SETTINGS)
        ]
        return GroupHelp(name, _WITHOUT_OPTIONS[name], (), tuple(keys))
    raise TLError(f"'{name}' is no group of options.{did_you_mean(name, (*GROUPS, *_WITHOUT_OPTIONS))}")


def entry(option: Option) -> OptionHelp:
    """The help for an option."""
    record = signature(option.source, option.module).record
    found = _keys(record.fields, option_files(option), "", option.group)
    return OptionHelp(
        option.group, option.name, option.what(), tuple(replace(key, options=(option.name,)) for key in found)
    )


def base_keys() -> list[KeyHelp]:
    """The help for the keys that are in no group."""
    files = [read(RECIPES / "base.yaml")]
    name = KeyHelp("name", (), "a text", "the file's name", "no file sets it", "the folder of its runs below runs/")
    return [name, *_keys({"seed": Scalar("int"), **{name: settings_shape(name) for name in SETTINGS}}, files, "", "")]


def explain(name: str) -> list[Explanation]:
    """The help for all that a name may mean; TLError for none.

    A name is a group, an option, a key, the last word of keys, a metric, a word that messages and reports use, a value
    that a key takes, a word of another tool, or the code of a kind of mistake.
    """
    if _CODE.fullmatch(name):
        return [_mistake(name.upper())]
    by_name, by_long_name = _help_by_name()
    words: list[Explanation] = [*words_for(name)]
    if name in by_name or name in by_long_name:
        return [*map(_with_uses, by_name.get(name) or [by_long_name[name]]), *words]
    if ends := [found for dotted, found in by_name.items() if dotted.endswith(f".{name}")]:
        return [*(_with_uses(thing) for found in ends for thing in found), *words]
    if keys := [key for found in by_name.values() for key in found if isinstance(key, KeyHelp) and key.offers(name)]:
        return [*words, *map(_with_uses, keys)]
    if words or (known := peer(name)) is None:
        return words or _unknown(name, by_name)
    return [of_other_tools(name, known), *map(_with_uses, by_name.get(known.key, []))]


def _unknown(name: str, by_name: Mapping[str, Any]) -> list[Explanation]:
    last_words = {dotted.rpartition(".")[2] for dotted in by_name}
    near = did_you_mean(name, [*by_name, *all_words()]) or did_you_mean(name.rpartition(".")[2], last_words)
    raise TLError(f"'{name}' is no key, option or group.{near or ' See tl list.'}")


def _mistake(code: str) -> MistakeHelp:
    if code not in kinds():
        raise TLError(f"'{code}' is no code of a mistake: they go from {min(kinds())} to {max(kinds())}.")
    return kinds()[code]


@cache
def _help_by_name() -> tuple[dict[str, list[Explanation]], dict[str, KeyHelp]]:
    """Help by the name of a group, option or key; then help for keys by their long name, such as head.mlp.hidden."""
    by_name: dict[str, list[Explanation]] = {}
    by_long_name: dict[str, KeyHelp] = {}
    for name in (*GROUPS, *_WITHOUT_OPTIONS):
        here = group(name)
        by_name[name] = [here]
        for one in here.entries:
            by_name[f"{name}.{one.name}"] = [one]
            by_long_name |= {f"{name}.{one.name}.{key.name.partition('.')[2]}": key for key in one.keys}
        for key in [*here.keys, *_shared([key for one in here.entries for key in one.keys])]:
            by_name.setdefault(key.name, []).append(key)
    return by_name, by_long_name


def _with_uses(thing: Explanation) -> Explanation:
    """The help for a key with the recipes that set it."""
    return replace(thing, recipes=_recipes_by_key().get(thing.name, ())) if isinstance(thing, KeyHelp) else thing


@cache
def _recipes_by_key() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, path in shipped_recipes().items():
        for key in read(path).marks if name != "base" else ():
            found[key] = (*found.get(key, ()), name)
    return found


def _shared(keys: list[KeyHelp]) -> list[KeyHelp]:
    """The keys, with those that several options have alike as one."""
    same: dict[KeyHelp, tuple[str, ...]] = {}
    for key in keys:
        bare = replace(key, options=())
        same[bare] = (*same.get(bare, ()), *key.options)
    return [replace(key, options=names) for key, names in same.items()]


def _keys(fields: Mapping[str, Shape], files: list[YamlFile], inside: str, prefix: str) -> Iterator[KeyHelp]:
    for name, shape in fields.items():
        dotted = f"{inside}.{name}" if inside else name
        full = f"{prefix}.{dotted}" if prefix else dotted
        owner = next((file for file in reversed(files) if dotted in file.origins), None)
        if owner is not None:
            default = _default(shape, _value(owner.values, dotted))
            yield KeyHelp(full, (), shape.description(), default, owner.origins[dotted], owner.marks[dotted].comment)
        yield from _keys(fields_of(shape), files, dotted, prefix)


def _default(shape: Shape, value: Any) -> str:
    """A default as a user would write it; where YAML read a bare `no` as false, `no` is shown."""
    if value == _REQUIRED:
        return "must be given"
    return "no" if value is False and isinstance(shape, Choice) else flow(value)


def _value(values: Mapping[str, Any], dotted: str) -> Any:
    found: Any = values
    for part in dotted.split("."):
        found = found[part]
    return found


def _docstring(name: str) -> str:
    source = Path(__file__).parents[1] / "components" / name / "base.py"
    return ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
