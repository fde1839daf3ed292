"""What a freeze schedule says: which parts learn in which phase, for how long and how fast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tl.errors import TLError, nearest
from tl.recipe.duration import Duration


@dataclass(frozen=True)
class Phase:
    """A part of the run in which the parts in `train` learn, and all other parts are frozen.

    A phase begins where the phase before it ends. `end` counts from the start of the run, such as 30% or 2ep. `lr`
    multiplies every learning rate of the phase. With `patience`, the phase ends earlier, after so many evaluations
    without gain. The next phase then starts from the best weights so far; but if the phase's own best weights are no
    better than those of the phases before it, the run ends.
    """

    name: str
    train: tuple[str, ...]
    end: Duration
    lr: float = 1.0
    patience: int | None = None


class FreezeSchedule(ABC):
    """The base class of freeze schedules. Parts are named backbone.0 (shallowest) .. backbone.N-1, adapter, head."""

    @abstractmethod
    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        """The phases in their order, for a model with these parts; the last phase ends at 100%."""


def backbone_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """The backbone's stages, shallow to deep."""
    return tuple(part for part in parts if part.startswith("backbone."))


def top_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """All parts above the backbone: adapter and head."""
    return tuple(part for part in parts if not part.startswith("backbone."))


def matching_parts(pattern: str, parts: Sequence[str], key: str) -> tuple[str, ...]:
    """The parts that a pattern such as backbone.[01] matches; TLError where it matches none."""
    found = tuple(part for part in parts if fnmatchcase(part, pattern))
    if not found:
        stages = len(backbone_parts(parts))
        raise TLError(
            f"{key}: '{pattern}' matches no part: the parts are backbone.0 .. backbone.{stages - 1}, "
            f"{', '.join(top_parts(parts))}.{nearest(pattern, ['backbone.*', *parts])}",
            code="E061",
        )
    return found


def percent_of_run(value: float) -> Duration:
    """So many percent of the run, as a duration."""
    return Duration(value, "%")


def unfreezing_steps(parts: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """(phase name, parts that learn) of each step of unfreezing, from the head down.

    First adapter and head learn, then one stage more at each step, at last everything.
    """
    stages, top = backbone_parts(parts), top_parts(parts)
    partial = [(f"from {stages[i]}", (*stages[i:], *top)) for i in range(len(stages) - 1, 0, -1)]
    return [("probe", top), *partial, ("full", tuple(parts))]
