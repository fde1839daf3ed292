"""Only the head learns, and the adapter where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run, top_parts


@final
class LinearProbe(FreezeSchedule):
    """The backbone never learns (Alain and Bengio 2016)."""

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return (Phase("probe", top_parts(parts), percent_of_run(100)),)
