"""YAML files with the line of every key, so that each mistake can be shown where it stands."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from tl.boundary.visible import visible
from tl.errors import Edit, Mistake, Mistakes, TLError
from tl.recipe.edits import lines_of
from tl.recipe.syntax import silent_mistake, syntax_mistake
from tl.recipe.tree import compose_tree

_MOST_BYTES = 1 << 20  # far above what any recipe needs

Place = tuple[int, int]  # line and column, from 1


@dataclass(frozen=True)
class Mark:
    """Where a key and its value begin and end, the value as written (None unless it is bare), and the comment."""

    key: Place
    key_end: Place
    value: Place
    value_end: Place
    written: str | None
    comment: str

    @property
    def line(self) -> int:
        return self.key[0]


@dataclass(frozen=True)
class YamlFile:
    """A YAML file: its values, its defaults list apart, and `file:line` and the marks of every dotted key."""

    path: Path
    values: dict[str, Any]
    defaults: list[tuple[Any, str]]
    origins: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    text: str = ""


def short_path(path: Path) -> str:
    """The path as a user would type it from the current folder."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)


def read(path: Path) -> YamlFile:
    """Read a recipe or option file; TLError carries line and column of a syntax error, in plain words."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    place = short_path(path)
    text = _text(path)
    try:
        tree = compose_tree(text)
        if (silent := silent_mistake(place, text, isinstance(tree, yaml.ScalarNode))) is not None:
            raise Mistakes([silent])
        if isinstance(tree, yaml.ScalarNode):
            raise TLError(f"{place}:1: a recipe is a mapping of keys to values, not a single value.", code="E016")
        loaded = OmegaConf.create(text) if text.strip() and tree is not None else OmegaConf.create({})
    except yaml.YAMLError as error:
        raise Mistakes([syntax_mistake(place, text, error)]) from error
    except OmegaConfBaseException as error:
        raise TLError(f"{place}: cannot be read: {str(error).splitlines()[0]}", code="E015") from error
    values = OmegaConf.to_container(loaded, resolve=False)
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise TLError(f"{place}:1: a recipe is a mapping of keys to values, not a {kind}.", code="E016")
    marks: dict[str, Mark] = {}
    if tree is not None:
        _find_marks(tree, "", lines_of(text), marks)
    origins = {key: f"{place}:{mark.line}" for key, mark in marks.items()}
    defaults = values.pop("defaults", None) or []
    if not isinstance(defaults, list):
        wrong = f"{origins['defaults']}: 'defaults' is a list of recipes and of 'group: option' lines."
        mark = marks["defaults"]
        single = [Edit(place, *mark.value, mark.written, f"[{mark.written}]")] if mark.written else []
        raise Mistakes([Mistake(wrong, code="E020", key="defaults", fix=single)])
    lines = [origins.get(f"defaults.{i}", place) for i in range(len(defaults))]
    plain = {str(key): value for key, value in values.items()}
    return YamlFile(path, plain, list(zip(defaults, lines, strict=True)), origins, marks, text)


def _text(path: Path) -> str:
    place = short_path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise TLError(f"{place}: cannot be read: {error.strerror}.", code="E001") from error
    if len(content) > _MOST_BYTES:
        raise TLError(f"{place}: is longer than {_MOST_BYTES >> 20} MB, so it is no recipe.", code="E014")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = f"{place}:1:1: the file is in UTF-16: save it as UTF-8."
        raise Mistakes([Mistake(text, code="E002", fix=[Edit(place, 1, 1, "", "")])])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = lines_of(content[: error.start].decode("utf-8"))
        odd = content[error.start : error.start + 1]
        guess = f", which would be {odd.decode('latin-1')!r} in Latin-1" if odd[0] >= 0xA0 else ""
        text = f"byte 0x{odd.hex()} is no UTF-8{guess}: save the file as UTF-8."
        raise TLError(f"{place}:{len(before)}:{len(before[-1]) + 1}: {text}", code="E002") from error


def dump(values: dict[str, Any]) -> str:
    """YAML that `read` gives back as it was: texts that YAML would read as numbers (1e5) or dates are quoted."""
    from omegaconf import OmegaConf
    from omegaconf._utils import get_omega_conf_dumper

    text = OmegaConf.to_yaml(OmegaConf.create(values))
    if visible(text) == text:
        return text
    dumper = get_omega_conf_dumper()
    return yaml.dump(values, Dumper=dumper, allow_unicode=False, sort_keys=False, default_flow_style=False)


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    match value:
        case list():
            return f"[{', '.join(map(_flow_item, value))}]"
        case dict():
            return "{" + ", ".join(f"{_flow_item(key)}: {_flow_item(item)}" for key, item in value.items()) + "}"
        case _:
            text = dump({"": value}).partition(": ")[2].rstrip("\n")
            return json.dumps(value, ensure_ascii=False) if "\n" in text else text


def _flow_item(value: Any) -> str:
    text = flow(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and re.search(r"[,\[\]{}]", text) else text


def _find_marks(node: yaml.Node, prefix: str, lines: list[str], marks: dict[str, Mark]) -> None:
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        pairs = [(str(i), item, item) for i, item in enumerate(node.value)]
    else:
        return
    for name, key, value in pairs:
        if name == "<<":
            continue
        dotted = f"{prefix}.{name}" if prefix else name
        line = key.start_mark.line
        end = value.end_mark.column if value.end_mark.line == line else key.end_mark.column
        plain = isinstance(value, yaml.ScalarNode) and value.style is None
        written = value.value if plain else None
        places = [(at.line + 1, at.column + 1) for at in (key.start_mark, key.end_mark)]
        places += [(at.line + 1, at.column + 1) for at in (value.start_mark, value.end_mark)]
        marks[dotted] = Mark(places[0], places[1], places[2], places[3], written, _comment(lines, line, end))
        _find_marks(value, dotted, lines, marks)


def _comment(lines: list[str], line: int, column: int) -> str:
    """The comment behind a value, with the comment lines below that go on in the same column."""
    start = lines[line].find(" #", max(0, column - 1)) + 1
    if not start:
        return ""
    below = lines[line + 1 :]
    more = takewhile(lambda text: text[:start].isspace() and text[start : start + 1] == "#", below)
    return " ".join(text[start:].lstrip("# ").strip() for text in (lines[line], *more))
