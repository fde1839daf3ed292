"""The validation metric decides when the next stage joins, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

from tl.components.freeze.base import FreezeSchedule, Phase, percent_of_run, unfreezing_steps


@final
class Watch(FreezeSchedule):
    """The head learns first; the next stage below joins whenever `patience` evaluations have brought no gain.

    Each phase starts from the best weights so far. The run ends with the first phase that finds no better ones.
    """

    def __init__(self, *, patience: Annotated[int, "at least 1"], lr_decay: Annotated[float, "above 0 to 1"]) -> None:
        self.patience, self.lr_decay = patience, lr_decay

    def phases(self, parts: Sequence[str]) -> tuple[Phase, ...]:
        return tuple(
            Phase(name, train, percent_of_run(100), lr=self.lr_decay**depth, patience=self.patience)
            for depth, (name, train) in enumerate(unfreezing_steps(parts))
        )
