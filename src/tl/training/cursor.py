"""How far a run has come: its step and phase, the best metric so far, and when a phase or the run ends.

A checkpoint stores the cursor beside its tensors; the names of the fields are those in the checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tl.metrics import catalogue as metrics


@dataclass
class Cursor:
    """`step` counts the optimizer steps of the whole run; `skipped` of them changed no weight.

    `phase` is the number of the present phase, `phase_first` its first step, and `phase_over` says that it ends early.
    `over` says that the run has ended. `best` is the best value of the run's metric, reached at `best_step`;
    `best_before_phase` is that of earlier phases; `stalled` counts the evaluations without a better value since.
    `frozen` holds the checksums of the parts that are frozen in the present phase. The next phase takes over the
    checksums of parts that stay frozen, unless the phase was watched: a watched phase ends with the weights of its best
    step, not of its last one.
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
        """Take in a metric's value; True where it is the best so far. After `patience` worse ones the phase is over."""
        gained = self.best is None or metrics.better(metric, value, self.best)
        if gained:
            self.best, self.best_step, self.stalled = value, self.step, 0
        else:
            self.stalled += 1
            self.phase_over = patience is not None and self.stalled >= patience
        return gained

    def next_phase(self, watching: bool, phases: int, total: int) -> None:
        """Enter the next phase. The run ends where a watched phase, other than the first, brought no better value."""
        in_vain = watching and self.phase > 0 and self.best == self.best_before_phase
        self.phase += 1
        self.over = in_vain or self.phase >= phases or self.step >= total
        self.phase_first, self.phase_over, self.stalled = self.step, False, 0
        self.best_before_phase, self.frozen = self.best, {} if watching else self.frozen
