"""The deepest stages learn with the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

from tl.components.freeze.base import FreezeSchedule, Phase, backbone_parts, percent_of_run, top_parts
from tl.errors import TLError


@final
class TopK(FreezeSchedule):
    """Deep features are specific to their task, shallow ones are general (Yosinski et al. 2014)."""

    def __init__(self, *, stages: Annotated[int, "at least 0"]) -> None:
        self.stages = stages

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        there = backbone_parts(parts)
        if self.stages > len(there):
            raise TLError(f"freeze.stages: {self.stages} is more than the {len(there)} stages of this backbone.")
        return (
            Phase(f"top {self.stages}", (*there[len(there) - self.stages :], *top_parts(parts)), percent_of_run(100)),
        )
