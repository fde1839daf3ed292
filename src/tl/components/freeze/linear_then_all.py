"""First the head alone, then everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run, top_parts
from tl.recipe.duration import Duration


@final
class LinearThenAll(FreezeSchedule):
    """The head is fitted first, because the first gradients of a new head distort pretrained features.

    Kumar et al. 2022 (LP-FT).
    """

    def __init__(
        self, *, probe: Annotated[Duration, "any in step, ep, %"], lr_after: Annotated[float, "above 0"]
    ) -> None:
        self.probe, self.lr_after = probe, lr_after

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return (
            Phase("probe", top_parts(parts), self.probe),
            Phase("full", tuple(parts), percent_of_run(100), lr=self.lr_after),
        )
