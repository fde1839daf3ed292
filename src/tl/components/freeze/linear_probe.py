"""Only the head learns, and the adapter where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from tl.components.freeze.base import FreezeSchedule, Phase, share, top_parts


@final
class LinearProbe(FreezeSchedule):
    """The backbone stays as it came (Alain and Bengio 2016)."""

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return (Phase("probe", top_parts(parts), share(100)),)
