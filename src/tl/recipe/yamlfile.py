"""YAML files with the line of every key, so that each mistake can be shown where it stands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from tl.errors import TLError
from tl.recipe.unicode import is_unicode

# Bounds far above what any recipe needs.
_MOST_BYTES, _MOST_VALUES, _MOST_LEVELS, _MOST_DIGITS = 1 << 20, 50_000, 40, 100


@dataclass(frozen=True)
class YamlFile:
    """A YAML file: its values, its defaults list apart, and `file:line` and the comment of every dotted key."""

    path: Path
    values: dict[str, Any]
    defaults: list[tuple[Any, str]]
    origins: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def short_path(path: Path) -> str:
    """The path as a user would type it from the current folder."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)


def read(path: Path) -> YamlFile:
    """Read a recipe or option file; TLError carries the line of a syntax error."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        text = _text(path)
        tree = yaml.compose(text, Loader=_Bounded)
        if isinstance(tree, yaml.ScalarNode):
            raise TLError(
                f"{short_path(path)}:1: a recipe is a mapping of keys to values, not a single value.", code="E016"
            )
        loaded = OmegaConf.create(text) if text.strip() and tree is not None else OmegaConf.create({})
    except OSError as error:
        raise TLError(f"{short_path(path)}: cannot be read: {error.strerror}.", code="E001") from error
    except UnicodeDecodeError as error:
        raise TLError(f"{short_path(path)}: is not UTF-8 text (byte {error.start}).", code="E002") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TLError(f"{short_path(path)}:{line}: is not valid YAML: {error.problem}.", code="E015") from error
    except yaml.YAMLError as error:
        raise TLError(f"{short_path(path)}: is not valid YAML: {str(error).splitlines()[0]}.", code="E015") from error
    except OmegaConfBaseException as error:
        raise TLError(f"{short_path(path)}: cannot be read: {str(error).splitlines()[0]}", code="E015") from error
    values = OmegaConf.to_container(loaded, resolve=False)
    if not isinstance(values, dict):
        text = f"{short_path(path)}:1: a recipe is a mapping of keys to values, not a {type(values).__name__}."
        raise TLError(text, code="E016")
    marks: dict[str, tuple[int, str]] = {}
    if tree is not None:
        _find_lines(tree, "", text.splitlines(), marks)
    origins = {key: f"{short_path(path)}:{line}" for key, (line, _) in marks.items()}
    defaults = values.pop("defaults", None) or []
    if not isinstance(defaults, list):
        text = f"{origins['defaults']}: 'defaults' is a list of recipes and of 'group: option' lines."
        raise TLError(text, code="E020")
    lines = [origins.get(f"defaults.{i}", short_path(path)) for i in range(len(defaults))]
    plain = {str(key): value for key, value in values.items()}
    comments = {key: comment for key, (_, comment) in marks.items()}
    return YamlFile(path, plain, list(zip(defaults, lines, strict=True)), origins, comments)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise TLError(f"{short_path(path)}: is longer than {_MOST_BYTES >> 20} MB, so it is no recipe.", code="E014")
    return content.decode("utf-8")


class _Bounded(yaml.SafeLoader):
    """Reads YAML of bounded depth and size: an alias counts as all values that it stands for, and tags are refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth, self._nodes = 0, 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        alias, before = isinstance(event, yaml.AliasEvent), self._nodes
        self._require(alias or event.tag is None, event, f"a tag such as {getattr(event, 'tag', '')} has no place here")
        self._depth += 1
        self._require(self._depth <= _MOST_LEVELS, event, f"it is nested deeper than {_MOST_LEVELS} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._require(not alias or id(node) in self._sizes, event, "an alias stands within what it stands for")
        if isinstance(node, yaml.ScalarNode):
            number = node.tag.endswith((":int", ":float"))
            self._require(
                not number or len(node.value) <= _MOST_DIGITS, event, f"a number has more than {_MOST_DIGITS} digits"
            )
            self._require(is_unicode(node.value), event, "a text holds half a character, which is no Unicode")
        self._nodes += self._sizes[id(node)] if alias else 1
        self._require(self._nodes <= _MOST_VALUES, event, f"it holds more than {_MOST_VALUES} values")
        self._sizes[id(node)] = self._nodes - before
        return node

    def _require(self, fits: bool, event: Any, problem: str) -> None:
        if not fits:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def dump(values: dict[str, Any]) -> str:
    """YAML that `read` gives back as it was: texts that YAML would read as numbers (1e5) or dates are quoted."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(values))


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


def _find_lines(node: yaml.Node, prefix: str, lines: list[str], marks: dict[str, tuple[int, str]]) -> None:
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
        marks[dotted] = (line + 1, _comment(lines, line, end))
        _find_lines(value, dotted, lines, marks)


def _comment(lines: list[str], line: int, column: int) -> str:
    """The comment behind a value, with the comment lines below that go on in the same column."""
    start = lines[line].find(" #", max(0, column - 1)) + 1
    if not start:
        return ""
    below = lines[line + 1 :]
    more = takewhile(lambda text: text[:start].isspace() and text[start : start + 1] == "#", below)
    return " ".join(text[start:].lstrip("# ").strip() for text in (lines[line], *more))
