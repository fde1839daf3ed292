"""Only the named parts learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

from tl.components.freeze.base import FreezeSchedule, Phase, matching_parts, percent_of_run


@final
class Surgical(FreezeSchedule):
    """Which stages should learn depends on what changed between source and target (Lee et al. 2023)."""

    def __init__(self, *, train: Annotated[tuple[str, ...], "at least 1"]) -> None:
        self.train = train

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        chosen = {part for pattern in self.train for part in matching_parts(pattern, parts, "freeze.train")}
        return (Phase("surgical", tuple(part for part in parts if part in chosen), percent_of_run(100)),)
