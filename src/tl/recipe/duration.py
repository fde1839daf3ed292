"""Lengths of training with their unit in the value: `500step`, `3ep`, `10%`, and for some keys `5min`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tl.errors import TLError

_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(step|ep|%|min)")

_LONGEST = 1e12


@dataclass(frozen=True)
class Duration:
    """A number of optimizer steps, a number of epochs, a share of the whole run, or minutes."""

    value: float
    unit: Literal["step", "ep", "%", "min"]

    @classmethod
    def parse(cls, text: str) -> Duration:
        match = _PATTERN.fullmatch(str(text).strip())
        if match is None:
            raise TLError(
                f"'{text}' is no duration: write steps, epochs or a share of the run, as in 500step, 3ep, 10%.",
                code="E031",
            )
        value, unit = float(match[1]), match[2]
        if value > _LONGEST:
            raise TLError(f"'{str(text)[:20]}...' is no duration: it is longer than any run.", code="E031")
        if unit == "%":
            if value > 100:
                raise TLError(f"'{text}' is no duration: a share of the run is at most 100%.", code="E031")
            return cls(value, "%")
        return cls(value, "min" if unit == "min" else "step" if unit == "step" else "ep")

    def steps(self, *, total: int, epoch: float) -> int:
        """The duration in optimizer steps, rounded, for a run of `total` steps whose epochs have `epoch` steps each.

        `epoch` need not be a whole number. TLError for minutes: how many steps they are is known only afterwards.
        """
        if self.unit == "min":
            raise TLError(
                f"'{self}' counts minutes, which only loop.save_every and loop.max_time can: "
                "write steps, epochs or a share.",
                code="E031",
            )
        per_unit = {"step": 1.0, "ep": epoch, "%": total / 100}[self.unit]
        return round(self.value * per_unit)

    def __str__(self) -> str:
        number = f"{Decimal(repr(self.value)):f}"  # never written as 1e+06, which `parse` would refuse
        return f"{number.rstrip('0').rstrip('.') if '.' in number else number}{self.unit}"
