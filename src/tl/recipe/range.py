"""The range of a key, written in words in its annotation: `dropout: Annotated[float, "0 to below 1"]`.

This is a range's one place: `tl check`, a run and `tl explain` read it from the source, and no constructor checks it
again. The words are `any`, `at least A`, `above A`, `exactly A`, `A to B`, and `above` or `below` before a bound that
is left out itself. For a list they say how many items it has. A duration adds its units: `above 0 in step, ep`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_NUMBER = r"-?\d+(?:\.\d+)?"
_FROM = re.compile(rf"(at least|above|exactly) ({_NUMBER})")
_BETWEEN = re.compile(rf"(above )?({_NUMBER}) to (below )?({_NUMBER})")
_EXAMPLES = {"step": "500step", "ep": "3ep", "%": "10%", "min": "90min"}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; `above` and `below` leave these two out. `units` are those of a duration."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    units: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Range:
        """The range that an annotation's words mean; LookupError for other words."""
        bounds, _, listed = text.partition(" in ")
        units = tuple(listed.split(", ")) if listed else ()
        if not set(units) <= _EXAMPLES.keys():
            raise LookupError(f"'{text}' names a unit that durations do not have")
        if bounds == "any":
            return cls(units=units)
        if match := _FROM.fullmatch(bounds):
            low = float(match[2])
            high = low if match[1] == "exactly" else math.inf
            return cls(low, high, above=match[1] == "above", units=units)
        if match := _BETWEEN.fullmatch(bounds):
            return cls(float(match[2]), float(match[4]), bool(match[1]), bool(match[3]), units)
        raise LookupError(f"'{text}' is no range: write 'at least 1', '0 to below 1', 'above 0' or 'any'")

    def holds(self, value: float) -> bool:
        """Whether a number lies in this range."""
        return (value > self.low if self.above else value >= self.low) and (
            value < self.high if self.below else value <= self.high
        )

    def after(self, noun: str) -> str:
        """The noun and the range in words, such as 'a number from 0 to below 1'; the noun alone for any number."""
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        if math.isinf(self.low):
            return noun
        if math.isinf(self.high):
            return f"{noun} above {low}" if self.above else f"{noun} of at least {low}"
        if self.low == self.high:
            return f"{noun} of exactly {low}"
        upper = f"below {high}" if self.below else high
        if self.above:
            return f"{noun} above {low} and {upper if self.below else f'at most {high}'}"
        return f"{noun} from {low} to {upper}"

    def examples(self) -> str:
        """Durations in the allowed units, as a user writes them."""
        return ", ".join(_EXAMPLES[unit] for unit in self.units)
