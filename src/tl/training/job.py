"""What the trainer is given: the model with all that trains it, and the plan of the run in steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tl.components.freeze.layout import PhaseSpan
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.optimizer.base import Optimizer
from tl.errors import Stopped
from tl.inputs.streams import Stream
from tl.metrics.catalogue import Metric
from tl.metrics.jackknife import Blocks


class Signals(Protocol):
    """Tells the trainer when it is to stop."""

    def pending(self, save: bool) -> tuple[int, bool]:
        """The number of the signal that asked a process to stop, or 0; and whether a process must save a checkpoint."""

    def at_once(self) -> AbstractContextManager[None]:
        """A context in which a signal stops the run at once, not after the step."""

    def unhurried(self) -> AbstractContextManager[None]:
        """A context for work that may take long though a stop is due, as writing a checkpoint."""

    def stopped(self, number: int, where: str) -> Stopped:
        """The error to raise: it says which signal ended the run, where, and how to go on."""


@dataclass(frozen=True)
class Validated:
    """What an evaluation on the validation split says: the metrics, and how sure the one that picks weights is.

    `without` has that metric's values without each of the `blocks` of samples; both are empty where nobody asks for it.
    `only` names the class that all samples are answered with, though they have several; else it is ''.
    """

    values: Mapping[str, float]
    blocks: Blocks
    without: tuple[float, ...]
    only: str


@dataclass(frozen=True)
class Plan:
    """The phases of a run and how often it logs, evaluates and saves, all in steps.

    `metric`, on the validation split, picks the best weights. `seed` is the one that the steps' random numbers follow.
    """

    spans: tuple[PhaseSpan, ...]
    total: int
    eval_every: float
    save_every: float
    log_every: float
    metric: Metric
    seed: int


@dataclass(frozen=True)
class Job:
    """The model, the method and the optimizer, with the data they train on.

    `streams` read the raw samples; `enter(phase)` gives the streams of a phase, which may read cached activations.
    `estimate(model, norms)` estimates the statistics of batch norms with these names from training samples.
    `evaluate(model)` judges a model on the validation split; None where the data has no such split.
    """

    model: Model
    method: Method
    streams: Mapping[str, Stream]
    optimizer: Optimizer
    estimate: Callable[[Model, Collection[str]], None]
    evaluate: Callable[[Model], Validated | None]
    enter: Callable[[int], Mapping[str, Stream]]
