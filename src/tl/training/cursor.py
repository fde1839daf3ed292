"""Where a run is, what was best so far, when a phase or the run ends: all that a checkpoint needs beside tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from tl.metrics import catalogue as metrics


@dataclass
class Cursor:
    """`step` counts optimizer steps of the whole run, of which `skipped` were not taken.

    `frozen` holds the checksums of the phase's frozen parts.

    They were right at the phase's end, so the next phase takes over those of parts that stay frozen, unless the phase
    was watched: then the weights are those of its best step.
    """

    step: int = 0
    phase: int = 0
    phase_first: int = 0
    phase_over: bool = False
    over: bool = False
    best: float | None = None
    best_step: int = 0
    best_before_phase: float | None = None
    stalled: int = 0
    skipped: int = 0
    frozen: dict[str, str] = field(default_factory=dict)

    def judge(self, metric: str, value: float, patience: int | None) -> bool:
        """Take in an evaluation: is it the best so far? Without gain for `patience` evaluations the phase is over."""
        gained = self.best is None or metrics.better(metric, value, self.best)
        if gained:
            self.best, self.best_step, self.stalled = value, self.step, 0
        else:
            self.stalled += 1
            self.phase_over = patience is not None and self.stalled >= patience
        return gained

    def next_phase(self, watching: bool, phases: int, total: int) -> None:
        """Enter the next phase; a watching phase that brought no gain was one too many, and ends the run."""
        in_vain = watching and self.phase > 0 and self.best == self.best_before_phase
        self.phase += 1
        self.over = in_vain or self.phase >= phases or self.step >= total
        self.phase_first, self.phase_over, self.stalled = self.step, False, 0
        self.best_before_phase, self.frozen = self.best, {} if watching else self.frozen
