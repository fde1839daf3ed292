"""Safe fixes for a recipe's file: what to write where, for a key or a value whose right form is certain.

A fix is made for the user's own layers of a recipe only. It leaves comments and all other lines as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from tl.errors import Edit
from tl.recipe.edits import lines_of, offset
from tl.recipe.yamlfile import Mark, YamlFile, flow, short_path

Fix = tuple[Edit, ...]
_TIGHT = re.compile(r"(\w+):[^\s:#]+")
_CERTAIN = 0.8  # how alike a misspelt word and the only word that is like it must be


def only_near(word: str, known: Iterable[str], alike: float = _CERTAIN) -> list[str]:
    """The one known word that is certainly meant, else [].

    It is equal but for case or for two letters that changed places, or the only one that is much alike.
    """
    words = list(known)
    same = [name for name in words if name.lower() == word.lower()]
    near = (
        same
        or [name for name in words if _swapped(word.lower(), name)]
        or get_close_matches(word.lower(), words, n=2, cutoff=alike)
    )
    return near if len(near) == 1 else []


def _swapped(word: str, name: str) -> bool:
    """Whether two neighbouring letters of a name changed places in a word."""
    places = [i for i, (one, other) in enumerate(zip(word, name, strict=False)) if one != other]
    return sorted(word) == sorted(name) and len(places) == 2 and places[1] == places[0] + 1


@dataclass
class Layers:
    """The recipe's files as they were read, and which of them set each dotted key last."""

    by_key: dict[str, YamlFile] = field(default_factory=dict)

    def add(self, file: YamlFile) -> None:
        self.by_key |= dict.fromkeys(file.marks, file)

    def forget(self, key: str) -> None:
        """The command line sets this key, and so no file does."""
        self.by_key = {
            name: file for name, file in self.by_key.items() if name != key and not name.startswith(f"{key}.")
        }

    def mark(self, key: str) -> Mark | None:
        file = self.by_key.get(key)
        return file.marks.get(key) if file is not None else None

    def written(self, key: str) -> str | None:
        """The bare value of a key as it stands in its file; None for a value in quotes, and for one of no file."""
        mark = self.mark(key)
        return mark.written if mark is not None else None

    def column(self, key: str, *, of_value: bool) -> int | None:
        """The column of a key in its line, or of the value that stands in the key's line; None for one of no file."""
        mark = self.mark(key)
        if mark is None:
            return None
        return mark.value[1] if of_value and mark.value[0] == mark.key[0] else mark.key[1]

    def spaced(self, key: str, fields: Iterable[str]) -> Fix:
        """A space after each colon of `batch:8`, which YAML reads as a text, where it names one of the fields."""
        file, mark = self.by_key.get(key), self.mark(key)
        if file is None or mark is None:
            return ()
        old = _between(file, mark.value, mark.value_end)
        words = [_TIGHT.fullmatch(line.strip()) for line in lines_of(old)]
        if not all(word is not None and word[1] in fields for word in words):
            return ()
        return (_edit(file, mark.value, old, re.sub(r"(?m)^(\s*\w+):", r"\1: ", old)),)

    def renamed(self, key: str, name: str) -> Fix:
        """Another name for a key in its place; () where that name is there already."""
        file, mark = self.by_key.get(key), self.mark(key)
        parent, dot, last = key.rpartition(".")
        if file is None or mark is None or f"{parent}{dot}{name}" in file.marks:
            return ()
        old = _between(file, mark.key, mark.key_end)
        return (_edit(file, mark.key, old, old.replace(last, name)),) if last in old else ()

    def rewritten(self, key: str, value: Any) -> Fix:
        """Another value for a key."""
        file, mark = self.by_key.get(key), self.mark(key)
        if file is None or mark is None or mark.value[0] != mark.value_end[0]:
            return ()
        old = _between(file, mark.value, mark.value_end)
        return (_edit(file, mark.value, old, flow(value)),) if old else ()

    def requoted(self, key: str) -> Fix:
        """The value in quotes, as it is written."""
        file, mark, written = self.by_key.get(key), self.mark(key), self.written(key)
        if file is None or mark is None or not written:
            return ()
        return (_edit(file, mark.value, written, "'" + written.replace("'", "''") + "'"),)

    def moved(self, key: str, target: str, value: Any) -> Fix:
        """A key of one line moved to its right place, `group.key`, with its value; () where that place is taken.

        `key` and `target` are equal for a key that is written with its dot, as on the command line.
        """
        file, mark = self.by_key.get(key), self.mark(key)
        if file is None or mark is None or mark.key[0] != mark.value_end[0] or (target in file.marks and target != key):
            return ()
        parent = "" if key == target else key.rpartition(".")[0]
        group, _, name = target.rpartition(".")
        if parent == group:
            renamed = self.renamed(key, name)
            return (_edit(file, mark.key, _between(file, mark.key, mark.value_end), f"{name}: {flow(value)}"),) * bool(
                renamed
            )
        alone = parent and not any(other.rpartition(".")[0] == parent and other != key for other in file.marks)
        before = lines_of(file.text)[mark.key[0] - 1][: mark.key[1] - 1]
        if alone and "." not in parent + group and group not in file.marks and flow(value) == mark.written:
            return (*self.renamed(parent, group), *(self.renamed(key, name) if not key.endswith(f".{name}") else ()))
        if before.strip() or alone or "." in group:  # in braces, the only key of its mapping, or deeper than a group
            return ()
        return self._inserted(file, mark, group, f"{name}: {flow(value)}", _inside(file.marks, group, key))

    def _inserted(self, file: YamlFile, mark: Mark, group: str, entry: str, first: Mark | None) -> Fix:
        """The line of a mark taken out, and its entry put before the `first` key of its group, or with a new group."""
        comment = lines_of(file.text)[mark.value_end[0] - 1][mark.value_end[1] - 1 :].rstrip()
        removed = _whole_line(file, mark.key[0])
        if first is not None and first.key[0] == file.marks[group].key[0]:  # in braces: the comment stays where it is
            return (
                replace(removed, new=f"{comment.lstrip()}\n" if comment else ""),
                _edit(file, first.key, "", f"{entry}, "),
            )
        if first is not None:
            return (removed, _edit(file, first.key, "", f"{entry}{comment}\n{' ' * (first.key[1] - 1)}"))
        if group in file.marks:
            return ()
        new = entry if not group else f"{group}:\n  {entry}"
        if mark.key[1] == 1:
            return (_edit(file, mark.key, _between(file, mark.key, mark.value_end), new),)
        lines = lines_of(file.text)
        blank = "" if not lines[-1] else "\n"
        return (removed, _edit(file, (len(lines), len(lines[-1]) + 1), "", f"{blank}{new}{comment}\n"))

    def chosen(self, group: str, option: str) -> Fix:
        """An option that a group's key names, as an entry of `defaults`, which is a list below its key."""
        file, mark = self.by_key.get(group), self.mark(group)
        if file is None or mark is None or mark.key[0] != mark.value_end[0] or not file.defaults:
            return ()
        first, last = file.marks["defaults.0"], file.marks[f"defaults.{len(file.defaults) - 1}"]
        line = lines_of(file.text)[last.key[0] - 1]
        dash = line.find("- ")
        if first.key[0] == file.marks["defaults"].key[0] or dash < 0 or last.key[0] == mark.key[0]:
            return ()
        entry = f"{line[:dash]}- {group}: {option}\n"
        if last.key[0] == len(lines_of(file.text)):
            entry = f"\n{entry}"
        return (_whole_line(file, mark.key[0]), _edit(file, (last.key[0] + 1, 1), "", entry))

    def based(self, path: str) -> Fix:
        """`- base` as the first entry of the defaults of the file at `path`."""
        file = next((file for file in self.by_key.values() if short_path(file.path) == path), None)
        if file is None:
            return ()
        if "defaults" not in file.marks:
            return (_edit(file, (1, 1), "", "defaults:\n  - base\n"),)
        first = file.marks.get("defaults.0")
        line = lines_of(file.text)[first.key[0] - 1] if first is not None else ""
        if first is None or not re.match(r"\s*- ", line):
            return ()
        return (_edit(file, (first.key[0], 1), "", line[: line.index("-")] + "- base\n"),)


def _inside(marks: Mapping[str, Mark], group: str, but: str) -> Mark | None:
    """The first key of a group's mapping; `but` is none of them where it is written with its dot."""
    names = [name for name in marks if name.startswith(f"{group}.") and name.count(".") == 1 and name != but]
    inner = [marks[name] for name in names] if group in marks else []
    return min(inner, key=lambda mark: mark.key, default=None)


def _between(file: YamlFile, start: tuple[int, int], end: tuple[int, int]) -> str:
    return file.text[offset(file.text, *start) : offset(file.text, *end)]


def _whole_line(file: YamlFile, line: int) -> Edit:
    return _edit(file, (line, 1), _between(file, (line, 1), (line + 1, 1)), "")


def _edit(file: YamlFile, at: tuple[int, int], old: str, new: str) -> Edit:
    return Edit(short_path(file.path), *at, old, new)
