"""The stages are unfrozen one after the other, from the head down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run, unfreezing_steps
from tl.recipe.duration import Duration


@final
class Gradual(FreezeSchedule):
    """First the head learns, then the deepest stage too, and so on (gradual unfreezing, Howard and Ruder 2018)."""

    def __init__(self, *, every: Annotated[Duration, "above 0 in step, ep, %"]) -> None:
        self.every = every

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        *steps, (name, everything) = unfreezing_steps(parts)
        ends = [self.every.value * (i + 1) for i in range(len(steps))]
        if self.every.unit == "%":
            ends = [min(100.0, end) for end in ends]
        partial = (
            Phase(step, train, Duration(end, self.every.unit)) for (step, train), end in zip(steps, ends, strict=True)
        )
        return (*partial, Phase(name, everything, percent_of_run(100)))
