"""What a mistake in a recipe's key or value is meant to be: the words that say so, and a fix where that is certain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tl.errors import Mistake, did_you_mean
from tl.recipe.mending import Fix, Layers, only_near
from tl.recipe.peers import peer
from tl.recipe.registry import GROUPS, SETTINGS
from tl.recipe.shape import Choice, Either, ListOf, Maybe, Record, Shape, as_text, fields_of

_UNITS = {
    **dict.fromkeys(("epoch", "epochs", "eps"), "ep"),
    **dict.fromkeys(("steps", "it", "its", "iters", "iterations"), "step"),
    **dict.fromkeys(("percent", "pct"), "%"),
    **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
}
_SWITCHES = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}

_CHOICES = {
    "gpu": "cuda",
    **dict.fromkeys(("half", "float16", "16-mixed"), "fp16"),
    **dict.fromkeys(("bfloat16", "bf16-mixed"), "bf16"),
    **dict.fromkeys(("float32", "fp32"), "no"),
    **dict.fromkeys(("frozen", "freeze"), "keep"),
}


@dataclass(frozen=True)
class Repairs:
    """Repairs for the keys of one recipe, from its shapes, its plain values and its files."""

    shapes: Mapping[str, Shape]
    values: Mapping[str, Any]
    layers: Layers

    def repaired(self, mistake: Mistake, key: str) -> Mistake:
        """The mistake with better words where they are known, its column, and its fix where that is certain."""
        found = self._repaired(mistake, key)
        of_key = found.code in ("E017", "E025")  # else the mistake is in the value
        found.column = self.layers.column(key, of_value=not of_key) if found.column is None else found.column
        return found

    def _repaired(self, mistake: Mistake, key: str) -> Mistake:
        match mistake.code:
            case "E017":
                return self._unknown_key(mistake, key)
            case "E025":
                return _with(mistake, self.layers.moved(key, key, self._value(key)))
            case "E029":
                return self._as_written(mistake, key)
            case "E033" if (shape := self._shape(key)) and (fix := self.layers.spaced(key, fields_of(shape))):
                right, wrong = fix[0].new.splitlines()[0], as_text(self._value(key))
                text = f"'{wrong}' has a colon without a space after it: write '{right}'."
                return _with(_reworded(mistake, text), fix)
            case "E027" | "E028" | "E030" | "E031" | "E032":
                meant = self._meant(mistake.code, key)
                if mistake.code == "E030" and meant is not None:
                    before = re.split(r" Did you mean| There is:", mistake)[0]
                    mistake = _reworded(mistake, f"{before} Did you mean '{meant}'?")
                return _with(mistake, () if meant is None else self.layers.rewritten(key, meant))
        return mistake

    def _unknown_key(self, mistake: Mistake, key: str) -> Mistake:
        parent, dot, word = key.rpartition(".")
        here = "here" if dot else "of a recipe"
        value = self._value(key)
        found = [f"{group}.{word}" for group, shape in self.shapes.items() if word in fields_of(shape)]
        found = [word] if word in ("seed", "name") else found
        if found:
            text = f"is no key {here}. Did you mean '{found[0]}'?"
            return _with(_reworded(mistake, text), self.layers.moved(key, found[0], value) if len(found) == 1 else ())
        if (known := peer(word)) is not None:
            if not known.key:
                return _reworded(mistake, f"is no key {here}: {known.hint}.")
            meant, there = known.value(value), self._exists(known.key)
            group = known.key.partition(".")[0]
            other = "" if there else f", which the chosen {group} option does not have (tl explain {known.key})"
            said = f": {as_text(meant)}" if meant is not None and not isinstance(meant, dict) else ""
            more = f": {known.hint}" if known.hint else ""
            text = f"is no key {here}. In tl it is '{known.key}{said}'{other}{more}."
            safe = there and meant is not None
            return _with(_reworded(mistake, text), self.layers.moved(key, known.key, meant) if safe else ())
        if not dot:
            known_here = (*GROUPS, *SETTINGS, "name", "seed")
            near = only_near(key, known_here)
            mistake = _reworded(mistake, f"is no key of a recipe.{did_you_mean(key, known_here)}")
        else:
            around = self._shape(parent)
            near = only_near(word, fields_of(around)) if around is not None else []
        return _with(mistake, self.layers.renamed(key, near[0]) if near else ())

    def _as_written(self, mistake: Mistake, key: str) -> Mistake:
        """YAML reads no, 01, 12:30 and 1e5 as other things than texts: the words name what is written in the file."""
        written, read = self.layers.written(key), as_text(self._value(key))
        if written is None:
            return mistake
        text = str(mistake).replace(f"'{read}'", f"'{written}'")
        return _with(_reworded(mistake, text), self.layers.requoted(key))

    def _meant(self, code: str, key: str) -> Any:
        """The value that is certainly meant; None where none is."""
        value, shape = self._value(key), self._shape(key)
        match code:
            case "E027" if isinstance(value, str) and re.fullmatch(
                r"[+-]?\d*[.,]?\d+(e[+-]?\d+)?", value.strip(), re.I
            ):
                number = float(value.replace(",", "."))
                meant: Any = int(number) if number.is_integer() and "." not in value and "," not in value else number
            case "E027" if isinstance(value, float) and value.is_integer():
                meant = int(value)
            case "E028" if isinstance(value, str):
                meant = _SWITCHES.get(value.lower())
            case "E028" if isinstance(value, int):
                meant = {0: False, 1: True}.get(value)
            case "E030" if isinstance(value, str):
                words = [word for word in _words(shape) if isinstance(word, str)]
                near = [word for word in words if word == _CHOICES.get(value.lower())] or only_near(value, words)
                meant = near[0] if near else None
            case "E031" if (found := re.fullmatch(r"([\d.]+)\s*([a-z]+)", str(value).strip().lower())) is not None:
                meant = f"{found[1]}{_UNITS[found[2]]}" if found[2] in _UNITS else None
            case "E032" if isinstance(value, str | int | float):
                meant = [value]
            case _:
                return None
        return meant if meant is not None and self._fits(shape, meant, key) else None

    def _fits(self, shape: Shape | None, value: Any, key: str) -> bool:
        wrong: list[Mistake] = []
        if shape is not None:
            shape.check(value, key, lambda _, mistake: wrong.append(mistake))
        return shape is not None and not wrong

    def _exists(self, key: str) -> bool:
        return self._shape(key) is not None

    def _value(self, key: str) -> Any:
        found: Any = self.values
        if key in self.values:
            return self.values[key]
        for part in key.split("."):
            found = found[int(part)] if isinstance(found, list) else {str(k): v for k, v in found.items()}[part]
        return found

    def _shape(self, key: str) -> Shape | None:
        """The shape of a dotted key; None for a key that is none."""
        group, *parts = key.split(".")
        shape = self.shapes.get(group)
        for part in parts:
            shape = shape.item if isinstance(shape, Maybe) else shape
            match shape:
                case Record(fields=fields):
                    shape = fields.get(part)
                case ListOf(item=item) if part.isdigit():
                    shape = item
                case _:
                    return None
        return shape


def _words(shape: Shape | None) -> tuple[Any, ...]:
    match shape:
        case Choice(values=values) | Either(choice=Choice(values=values)):
            return values
        case Maybe(item=item):
            return _words(item)
    return ()


def _reworded(mistake: Mistake, text: str) -> Mistake:
    return Mistake(text, code=mistake.code, key=mistake.key, column=mistake.column, fix=mistake.fix)


def _with(mistake: Mistake, fix: Fix) -> Mistake:
    return Mistake(mistake, code=mistake.code, key=mistake.key, column=mistake.column, fix=fix or mistake.fix)
