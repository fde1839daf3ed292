"""What a YAML value must look like. `check` reports every mistake at once, each with its dotted key.

`description()` says what the shape takes, for messages and for `tl explain`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tl.errors import Mistake, TLError, did_you_mean, nearest
from tl.recipe.duration import Duration
from tl.recipe.range import Range
from tl.recipe.unicode import is_unicode
from tl.recipe.weights import Weights

Report = Callable[[str, Mistake], None]
_INTEGER_LIMIT = 1 << 63
_DURATIONS = Range.parse("any in step, ep, %")
_DESCRIPTIONS = {
    "int": "a whole number",
    "float": "a number",
    "figure": "a number",
    "bool": "true or false",
    "str": "a text",
    "Path": "a path",
    "Weights": "a text",
}
# The code in mistakes.toml of a value that is not of the type.
_CODES = {"int": "E027", "float": "E027", "figure": "E027", "bool": "E028", "Path": "E044"}
_OUT_OF_RANGE = "E034"
_NO_TEXT, _NO_CHOICE, _NO_LIST, _NO_MAPPING, _UNKNOWN_KEY, _NO_VALUE = "E029", "E030", "E032", "E033", "E017", "E035"


@dataclass(frozen=True)
class Scalar:
    """A single value of a named type, such as int, Path or Duration; `range` is None where none is declared."""

    name: str
    range: Range | None = None

    def description(self) -> str:
        allowed = self.range or _DURATIONS
        noun = _DESCRIPTIONS.get(self.name)
        return allowed.after(noun) if noun else f"{allowed.after('a duration')} such as {allowed.examples()}"

    def check(self, value: Any, key: str, report: Report, also: str = "") -> None:
        """Report a value that is not of this shape; `also` says what else is allowed, such as ' or null'."""
        try:
            if not self._fits(value):
                text = f"'{as_text(value)}' is not {self.description()}{also}{self._remedy(value)}."
                report(key, Mistake(text, code=_CODES.get(self.name, _NO_TEXT)))
            elif not self._in_range(value):
                report(key, Mistake(f"'{as_text(value)}' is not {self.description()}{also}.", code=_OUT_OF_RANGE))
        except TLError as error:
            for mistake in error.mistakes:
                report(key, mistake)

    def _in_range(self, value: Any) -> bool:
        if self.name == "Duration":
            duration, allowed = Duration.parse(value), self.range or _DURATIONS
            return allowed.holds(duration.value) and duration.unit in allowed.units
        return self.range is None or self.range.holds(value)

    def _remedy(self, value: Any) -> str:
        unquoted = isinstance(value, (int, float)) and _DESCRIPTIONS.get(self.name) == "a text"
        return f": write it in quotes, '{as_text(value)}'" if unquoted else ""

    def _fits(self, value: Any) -> bool:
        match self.name:
            case "int":
                return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INTEGER_LIMIT
            case "float" | "figure":
                number = isinstance(value, (int, float)) and not isinstance(value, bool)
                limit = _INTEGER_LIMIT if isinstance(value, int) else math.inf
                return number and (abs(value) < limit or (self.name == "figure" and isinstance(value, float)))
            case "bool":
                return isinstance(value, bool)
            case "Path":
                return isinstance(value, str) and bool(value.strip()) and "\0" not in value and _writable(value)
            case "Duration":
                Duration.parse(value)
            case "Weights":
                return isinstance(value, str) and bool(Weights.parse(value))
        return isinstance(value, str)


def _writable(path: str) -> bool:
    """True where the absolute path is Unicode; TLError where a name in it is not, since a recipe is kept in UTF-8."""
    whole = os.path.abspath(os.path.expanduser(path))
    if not is_unicode(whole):
        text = f"'{path}' is at {whole}, a path that is no UTF-8 text: give its folders names in UTF-8."
        raise TLError(text, code="E044")
    return True


@dataclass(frozen=True)
class Choice:
    """One of a few words. YAML reads a bare `no` as false; where 'no' is a choice, false is taken as 'no'."""

    values: tuple[Any, ...]

    def description(self) -> str:
        return "one of " + ", ".join(map(as_text, self.values))

    def check(self, value: Any, key: str, report: Report) -> None:
        known = any(value == known and type(value) is type(known) for known in self.values)
        if not known and not (value is False and "no" in self.values):
            text = f"'{as_text(value)}' is not {self.description()}.{_suggestion(value, self.values)}"
            report(key, Mistake(text, code=_NO_CHOICE))


@dataclass(frozen=True)
class Maybe:
    """A value that may be null."""

    item: Shape

    def description(self) -> str:
        return f"{self.item.description()} or null"

    def check(self, value: Any, key: str, report: Report) -> None:
        match self.item:
            case _ if value is None:
                return
            case Scalar():
                self.item.check(value, key, report, " or null")
            case _:
                self.item.check(value, key, report)


@dataclass(frozen=True)
class Either:
    """A value of one shape, or one of a few words."""

    item: Shape
    choice: Choice

    def description(self) -> str:
        return f"{self.item.description()} or {', '.join(map(as_text, self.choice.values))}"

    def check(self, value: Any, key: str, report: Report) -> None:
        wrong: list[Mistake] = []
        if value not in self.choice.values:
            self.item.check(value, key, lambda _, text: wrong.append(text))
        if wrong:
            near = nearest(as_text(value), map(as_text, self.choice.values))
            report(key, Mistake(f"'{as_text(value)}' is not {self.description()}.{near}", code=wrong[0].code))


@dataclass(frozen=True)
class ListOf:
    """A list whose items all have one shape; the range says how many there are."""

    item: Shape
    range: Range | None = None

    def description(self) -> str:
        many = "a list" if self.range is None else f"{self.range.after('a list')} item{'s' * (self.range.low != 1)}"
        return f"{many}, each {self.item.description()}"

    def check(self, value: Any, key: str, report: Report) -> None:
        if not isinstance(value, list):
            report(key, Mistake(f"'{as_text(value)}' is not {self.description()}.", code=_NO_LIST))
            return
        if self.range is not None and not self.range.holds(len(value)):
            report(key, Mistake(f"'{as_text(value)}' is not {self.description()}.", code=_OUT_OF_RANGE))
            return
        for i, item in enumerate(value):
            self.item.check(item, f"{key}.{i}", report)


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys the user chooses, and whose values all have one shape."""

    item: Shape

    def description(self) -> str:
        return f"a mapping, each value {self.item.description()}"

    def check(self, value: Any, key: str, report: Report) -> None:
        if not isinstance(value, dict):
            report(key, Mistake(f"'{as_text(value)}' is not {self.description()}.", code=_NO_MAPPING))
            return
        for name, item in value.items():
            self.item.check(item, f"{key}.{name}", report)


@dataclass(frozen=True)
class Record:
    """A mapping with known keys, which must all be there; `target` is the `module:Class` that is built from it."""

    fields: Mapping[str, Shape]
    target: str

    def description(self) -> str:
        return f"a mapping with {', '.join(self.fields)}"

    def check(self, value: Any, key: str, report: Report) -> None:
        if not isinstance(value, dict):
            report(key, Mistake(f"'{as_text(value)}' is not {self.description()}.", code=_NO_MAPPING))
            return
        prefix = f"{key}." if key else ""
        for name in value:
            if name not in self.fields:
                text = f"is no key here.{_suggestion(name, self.fields) or self._known_keys()}"
                report(f"{prefix}{name}", Mistake(text, code=_UNKNOWN_KEY))
        for name, shape in self.fields.items():
            if name not in value:
                report(f"{prefix}{name}", Mistake(f"is missing: it needs {shape.description()}.", code=_NO_VALUE))
            elif value[name] == "???":
                text = f"has no value: the recipe must give {shape.description()}."
                report(f"{prefix}{name}", Mistake(text, code=_NO_VALUE))
            else:
                shape.check(value[name], f"{prefix}{name}", report)

    def _known_keys(self) -> str:
        return f" There is: {', '.join(self.fields)}." if self.fields else " There is none."


Shape = Scalar | Choice | Maybe | Either | ListOf | MapOf | Record


def fields_of(shape: Shape) -> Mapping[str, Shape]:
    """The keys of a Record, or of a Record that may be null; no keys for any other shape."""
    match shape:
        case Record(fields=fields) | Maybe(item=Record(fields=fields)):
            return fields
    return {}


def as_text(value: Any) -> str:
    """A value in a message, written as in YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suggestion(word: object, known: Any) -> str:
    return did_you_mean(as_text(word), map(as_text, known)) if word is not None else ""
