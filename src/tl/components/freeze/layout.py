"""From phases to the steps of a run: where each phase begins and ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tl.components.freeze.base import Phase
from tl.errors import TLError


@dataclass(frozen=True)
class PhaseSpan:
    """A phase from step `start` up to, not including, step `stop`; steps count from 0."""

    phase: Phase
    start: int
    stop: int


def lay_out(phases: Sequence[Phase], total: int, epoch: float) -> tuple[PhaseSpan, ...]:
    """The spans of the phases in a run of `total` steps, with `epoch` steps an epoch.

    Phases that round to no step are left out. A phase with patience may end at any step, so the phase after it has the
    same `start`: the earliest step at which it can begin.
    """
    spans: list[PhaseSpan] = []
    start = 0
    for phase in phases:
        stop = min(total, phase.end.steps(total=total, epoch=epoch))
        if phase.patience is not None or stop > start:
            spans.append(PhaseSpan(phase, start, stop))
        start = start if phase.patience is not None else max(start, stop)
    if total < 1 or not spans:
        raise TLError(f"loop.length comes to {total} steps, so nothing would be trained: make it longer.")
    return tuple(spans)


def due(step: int, every: float) -> bool:
    """Whether something that happens every `every` steps is due at step number `step`, counted from 1.

    `every` need not be whole: `step` must equal one of its multiples, rounded. The ends of phases are rounded alike, so
    the evaluation at the end of a phase is not followed by another one step later.
    """
    return round(max(1, round(step / every)) * every) == step if every < math.inf else False
