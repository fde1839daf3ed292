"""Everything learns during the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run


@final
class Full(FreezeSchedule):
    """No part is ever frozen."""

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return (Phase("full", tuple(parts), percent_of_run(100)),)
