"""What is trained, what it does and when: all that the trainer is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tl.components.freeze.layout import Stretch
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.optimizer.base import Optimizer
from tl.errors import Stopped
from tl.inputs.streams import Stream


class Signals(Protocol):
    """Knows the number of the signal that asked to stop, or 0, and whether a checkpoint is due, in any process."""

    def pending(self, save: bool) -> tuple[int, bool]: ...

    def at_once(self) -> AbstractContextManager[None]:
        """Inside, a signal stops the run there and then."""

    def stopped(self, number: int, where: str) -> Stopped:
        """What to raise: which signal ended the run and where, and how to go on."""


@dataclass(frozen=True)
class Plan:
    """What a run does and when, in steps; `metric` of the validation split picks the best weights."""

    stretches: tuple[Stretch, ...]
    total: int
    eval_every: float
    save_every: float
    log_every: float
    metric: str
    seed: int


@dataclass(frozen=True)
class Job:
    """What is trained; `enter` gives the streams of a phase, of which `streams` are the unread samples.

    `evaluate` gives the validation metrics of a model, or nothing where there is no such split.
    """

    model: Model
    method: Method
    streams: Mapping[str, Stream]
    optimizer: Optimizer
    evaluate: Callable[[Model], dict[str, float]]
    enter: Callable[[int], Mapping[str, Stream]]
