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
    """Parts in `train` learn until the run has come to `until`; all others are frozen.

    `lr` multiplies every learning rate of the phase. With `patience`, the phase ends early after so many evaluations
    without gain; the next one starts from the best weights so far, and if the phase's own best did not beat the phases
    before it the run ends there.
    """

    name: str
    train: tuple[str, ...]
    until: Duration
    lr: float = 1.0
    patience: int | None = None


class FreezeSchedule(ABC):
    """Parts are named backbone.0 (shallowest) .. backbone.N-1, adapter, head."""

    @abstractmethod
    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        """The phases in order; the last one lasts until 100%."""


def backbone_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """The backbone's stages, shallow to deep."""
    return tuple(part for part in parts if part.startswith("backbone."))


def top_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """What is not backbone: adapter and head."""
    return tuple(part for part in parts if not part.startswith("backbone."))


def matching(pattern: str, parts: Sequence[str], key: str) -> tuple[str, ...]:
    """The parts a glob matches; TLError where it matches none."""
    found = tuple(part for part in parts if fnmatchcase(part, pattern))
    if not found:
        stages = len(backbone_parts(parts))
        raise TLError(
            f"{key}: '{pattern}' matches no part: the parts are backbone.0 .. backbone.{stages - 1}, "
            f"{', '.join(top_parts(parts))}.{nearest(pattern, ['backbone.*', *parts])}"
        )
    return found


def share(value: float) -> Duration:
    """A share of the run, in percent."""
    return Duration(value, "%")


def downwards(parts: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Growing sets of parts with a phase name each: head and adapter, one stage more at a time, then everything."""
    stages, top = backbone_parts(parts), top_parts(parts)
    partial = [(f"from {stages[i]}", (*stages[i:], *top)) for i in range(len(stages) - 1, 0, -1)]
    return [("probe", top), *partial, ("full", tuple(parts))]
