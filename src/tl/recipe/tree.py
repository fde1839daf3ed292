"""The tree of a YAML text, within bounds on size and depth, in which no key stands twice."""

from __future__ import annotations

from typing import Any

import yaml

from tl.recipe.unicode import is_unicode

# Bounds far above what any recipe needs.
_MOST_VALUES, _MOST_LEVELS, _MOST_DIGITS = 50_000, 40, 100


class Oversized(yaml.MarkedYAMLError):
    """The text is beyond the bounds, so it is no recipe."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)
        self.mark = mark


class Repeated(yaml.MarkedYAMLError):
    """A key stands twice in one mapping; `first` is its first line, from 0."""

    def __init__(self, key: str, first: int, mark: yaml.Mark) -> None:
        super().__init__(problem=f"found duplicate key {key}", problem_mark=mark)
        self.key, self.first, self.mark = key, first, mark


def compose_tree(text: str) -> yaml.Node | None:
    """The tree; None for an empty text; yaml.YAMLError for what is no YAML, too large, or has a key twice."""
    tree = yaml.compose(text, Loader=_Bounded)
    if tree is not None:
        _check_keys(tree, set())
    return tree


def _check_keys(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="found unhashable key", problem_mark=key.start_mark)
            if key.value in lines and key.value != "<<":
                raise Repeated(key.value, lines[key.value], key.start_mark)
            lines[key.value] = key.start_mark.line
            _check_keys(value, seen)


class _Bounded(yaml.SafeLoader):
    """Reads YAML of bounded depth and size: an alias counts as all values that it stands for, and tags are refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth, self._deepest, self._nodes = 0, 0, 0
        self._sizes: dict[int, int] = {}
        self._heights: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        alias, before = isinstance(event, yaml.AliasEvent), self._nodes
        if not alias and event.tag is not None:
            raise yaml.MarkedYAMLError(
                problem=f"a tag such as {event.tag} has no place here", problem_mark=event.start_mark
            )
        self._depth += 1
        self._require(self._depth <= _MOST_LEVELS, event, f"it is nested deeper than {_MOST_LEVELS} levels")
        above, self._deepest = self._deepest, self._depth
        node = super().compose_node(parent, index)
        self._require(not alias or id(node) in self._sizes, event, "an alias stands within what it stands for")
        if alias:
            self._deepest += self._heights[id(node)]
            self._require(self._deepest <= _MOST_LEVELS, event, f"it is nested deeper than {_MOST_LEVELS} levels")
        else:
            self._heights[id(node)] = self._deepest - self._depth
        self._deepest = max(above, self._deepest)
        self._depth -= 1
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
            raise Oversized(problem, event.start_mark)
