"""The deepest stages learn with the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from tl.errors import TLError
from tl.freeze.base import FreezeSchedule, Phase, backbone_parts, share, top_parts


@final
class TopK(FreezeSchedule):
    """Deep features are specific to their task, shallow ones are general (Yosinski et al. 2014)."""

    def __init__(self, *, k: int) -> None:
        if k < 0:
            raise TLError(f"freeze.k: {k} must be 0 or more: it counts the backbone stages that learn.")
        self.k = k

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        stages = backbone_parts(parts)
        if self.k > len(stages):
            raise TLError(f"freeze.k: {self.k} is more than the {len(stages)} stages of this backbone.")
        return (Phase(f"top {self.k}", (*stages[len(stages) - self.k :], *top_parts(parts)), share(100)),)
