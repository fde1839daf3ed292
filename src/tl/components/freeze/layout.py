"""Phases laid out over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tl.components.freeze.base import Phase
from tl.errors import TLError


@dataclass(frozen=True)
class Stretch:
    """A phase from step `first` up to, not including, `last`."""

    phase: Phase
    first: int
    last: int


def lay_out(phases: Sequence[Phase], total: int, epoch: float) -> tuple[Stretch, ...]:
    """The phases' stretches; phases that round to no step are left out."""
    stretches: list[Stretch] = []
    first = 0
    for phase in phases:
        last = min(total, phase.until.steps(total=total, epoch=epoch))
        if phase.patience is not None or last > first:
            stretches.append(Stretch(phase, first, last))
        first = first if phase.patience is not None else max(first, last)
    if total < 1 or not stretches:
        raise TLError(f"loop.length comes to {total} steps, so nothing would be trained: make it longer.")
    return tuple(stretches)


def due(step: int, every: float) -> bool:
    """Whether a multiple of `every` steps (not always whole) is, rounded, step number `step` (from 1).

    Phases end at such steps too, so that their last evaluation is not followed by another one.
    """
    return round(max(1, round(step / every)) * every) == step if every < math.inf else False
