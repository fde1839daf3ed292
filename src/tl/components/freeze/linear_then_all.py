"""First the head alone, then everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run, top_parts
from tl.errors import TLError
from tl.recipe.duration import Duration


@final
class LinearThenAll(FreezeSchedule):
    """The head is fitted first, because the first gradients of a new head distort pretrained features.

    Kumar et al. 2022 (LP-FT).
    """

    def __init__(self, *, probe: Duration, lr_after: float) -> None:
        if lr_after <= 0:
            raise TLError(f"freeze.lr_after: {lr_after:g} must be above 0; 1 keeps the optimizer's rates.")
        self.probe, self.lr_after = probe, lr_after

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return (
            Phase("probe", top_parts(parts), self.probe),
            Phase("full", tuple(parts), percent_of_run(100), lr=self.lr_after),
        )
