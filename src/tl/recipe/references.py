"""`${key}` in a recipe stands for the value of another key, and nothing else: no resolver or variable is looked up."""

from __future__ import annotations

import re
from typing import Any

from tl.errors import TLError

_REFERENCE = re.compile(r"\$\{([\w.-]+)\}")
# The most values that references may copy in all, and the longest chain of references: a few short lines, each of which
# names the one before ten times, could otherwise fill the memory.
_MOST_VALUES, _LONGEST_CHAIN = 1_000_000, 20


class BadReference(TLError):
    """A reference that cannot be filled in; `key` is the dotted key where the reference stands."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text, code="E041")
        self.key = key


class References:
    """Fills in the references of a mapping; raises BadReference for the first reference that cannot be filled in."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values, self._copied = values, 0
        self._chain: list[str] = []

    def filled(self) -> dict[str, Any]:
        """The mapping with values in the place of references; overrides of the named keys count."""
        return {str(key): self._filled(value, str(key)) for key, value in self._values.items()}

    def _filled(self, value: Any, key: str) -> Any:
        if self._chain:
            self._copied += len(value) + 1 if isinstance(value, str) else 1
            if self._copied > _MOST_VALUES:
                raise BadReference(key, "references take over more than a recipe can hold: write the values themselves")
        match value:
            case dict():
                return {name: self._filled(item, f"{key}.{name}") for name, item in value.items()}
            case list():
                return [self._filled(item, f"{key}.{number}") for number, item in enumerate(value)]
            case str() if "${" in value:
                whole = _REFERENCE.fullmatch(value)
                return self._value(whole[1], key) if whole else self._text(value, key)
        return value

    def _text(self, text: str, key: str) -> str:
        rest = _REFERENCE.sub("", text)
        if "${" in rest:
            odd = rest[rest.index("${") :]
            raise BadReference(
                key, f"'{odd}' is no reference: only the name of a key stands in ${{...}}, as in ${{loop.batch}}"
            )
        return _REFERENCE.sub(lambda match: self._single_value(match[1], key), text)

    def _single_value(self, name: str, key: str) -> str:
        value = self._value(name, key)
        if isinstance(value, (dict, list)):
            raise BadReference(key, f"'{name}' is several values, which do not go into a text")
        return str(value)

    def _value(self, name: str, key: str) -> Any:
        """The value that a reference at `key` names; references within that value are filled in too."""
        if name in self._chain:
            raise BadReference(key, f"'{name}' refers to itself")
        if len(self._chain) == _LONGEST_CHAIN:
            raise BadReference(key, f"'{name}' is reached through more than {_LONGEST_CHAIN} references")
        self._chain.append(name)
        found = self._filled(self._named(name, key), key)
        self._chain.pop()
        return found

    def _named(self, name: str, key: str) -> Any:
        value: Any = self._values
        for part in name.split("."):
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                raise BadReference(key, f"Interpolation key '{name}' not found")
        return value
