"""How far a run has come: its step and phase, which weights it keeps, and when a phase or the run ends.

A checkpoint stores the cursor beside its tensors; the names of the fields are those in the checkpoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tl.metrics.catalogue import Metric, better
from tl.training.job import Validated

KeepWeights = Literal["one_standard_error", "best", "last"]
_CLEARLY = 2.0
"""So many standard errors below the best is clearly worse."""
_FEWEST = 3
"""A phase is given up after as many clearly worse evaluations in a row at least."""


@dataclass(frozen=True)
class Rules:
    """Which weights are kept, and after how many evaluations without gain the phase ends; None where it never does.

    After `hopeless` evaluations in a row that are clearly worse than the best of the phases before, the run ends.
    """

    metric: Metric
    keep: KeepWeights
    patience: int | None
    hopeless: float


def hopeless_after(evaluations: float) -> float:
    """After how many clearly worse evaluations a phase with so many is given up: half of them, and three at least."""
    return max(_FEWEST, evaluations / 2)


@dataclass
class Cursor:
    """`step` counts the optimizer steps of the whole run; `skipped` of them changed no weight.

    `phase` is the number of the present phase, `phase_first` its first step, and `phase_over` says that it ends early;
    `begun` has the first steps of all phases so far. `over` says that the run has ended, `given_up` that it ends as
    the phase stays clearly worse than those before it.

    `best` is the best value of the run's metric, reached at `best_step`, and `without` has its values without each of
    the blocks of samples that give its standard error; `best_before_phase` is that of earlier phases. `kept` is the
    value of the weights that the run keeps so far, those of `kept_step`. `stalled` counts the evaluations without a
    better value since, `worse` those in a row that were clearly worse, `undefined` all whose value was not defined.

    `frozen` holds the checksums of the parts that are frozen in the present phase. The next phase takes over the
    checksums of parts that stay frozen, unless the phase was watched: a watched phase ends with the weights that are
    kept, not with its last ones. `warnings` are lines for the report.
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
    begun: list[int] = field(default_factory=lambda: [0])
    without: list[float] = field(default_factory=list)
    kept: float | None = None
    kept_step: int = 0
    worse: int = 0
    given_up: bool = False
    undefined: int = 0
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kept is None:  # a checkpoint from before weights other than the best could be kept
            self.kept, self.kept_step = self.best, self.best_step

    def judge(self, found: Validated, rules: Rules) -> bool:
        """Take in an evaluation; True where its weights are to be kept instead of those that were kept so far.

        An undefined value is neither a gain nor the lack of one: it is never the best, and does not count for patience.
        """
        value = found.values[rules.metric.name]
        if math.isnan(value):
            self.undefined += 1
            return rules.keep == "last" and self._keep(value)
        if self.best is None or better(rules.metric, value, self.best):
            self.best, self.best_step, self.without = value, self.step, list(found.without)
            self.stalled = self.worse = 0
            return self._keep(value)
        error = self._error(value, found)
        gap = abs(self.best - value)
        self.stalled += 1
        self.worse = self.worse + 1 if gap > _CLEARLY * error and self.best_step <= self.phase_first else 0
        self.given_up = self.phase > 0 and self.worse >= rules.hopeless
        self.phase_over = self.given_up or (rules.patience is not None and self.stalled >= rules.patience)
        within = rules.keep == "one_standard_error" and gap <= error
        return (within or rules.keep == "last") and self._keep(value)

    def _error(self, value: float, found: Validated) -> float:
        """The standard error of the best value less this one, on the same samples; nan where it is unknown."""
        if self.best is None or len(self.without) != len(found.without):
            return math.nan
        return found.blocks.error(self.best - value, np.subtract(self.without, found.without))

    def _keep(self, value: float) -> bool:
        self.kept, self.kept_step = value, self.step
        return True

    def next_phase(self, watching: bool, phases: int, total: int) -> None:
        """Enter the next phase. The run ends where a watched phase, other than the first, brought no better value."""
        in_vain = watching and self.phase > 0 and self.best == self.best_before_phase
        self.phase += 1
        self.over = self.given_up or in_vain or self.phase >= phases or self.step >= total
        self.phase_first, self.phase_over, self.stalled, self.worse = self.step, False, 0, 0
        self.best_before_phase, self.frozen = self.best, {} if watching else self.frozen
        if not self.over:
            self.begun.append(self.step)

    @property
    def kept_phase(self) -> int:
        """The number of the phase in which the kept weights were reached."""
        return max((number for number, first in enumerate(self.begun) if first < self.kept_step), default=0)
