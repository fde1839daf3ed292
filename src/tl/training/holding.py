"""How a phase's weights, gradients and optimizer state lie on the devices while its steps are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from accelerate import Accelerator
from torch import nn

from tl.training.step import Step, compiled

Build = Callable[[Step], torch.optim.Optimizer]
"""The optimizer over all parameters of a step."""


class Holding(ABC):
    """`optimizer` is the one whose rates are set and shown."""

    optimizer: torch.optim.Optimizer

    @abstractmethod
    def begin(self, bare: Step) -> tuple[nn.Module, Any]:
        """A phase begins with these weights; what its steps are taken with: forward, and the optimizer."""

    @abstractmethod
    def average(self) -> None:
        """Gradients are those of all processes, after the last piece of a batch."""

    @abstractmethod
    def pull(self) -> None:
        """The model has the weights of the step."""

    @abstractmethod
    def end(self) -> None:
        """The phase is over."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """The optimizer's state, for any number of processes."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Go on with such a state."""


@final
class Whole(Holding):
    """Every process holds everything, and DDP averages gradients."""

    def __init__(self, step: Step, build: Build, accelerator: Accelerator, compile: bool) -> None:
        self.accelerator, self.compile = accelerator, compile
        self.optimizer = build(step)

    def begin(self, bare: Step) -> tuple[nn.Module, Any]:
        self.accelerator.free_memory()
        step, optim = self.accelerator.prepare(compiled(bare) if self.compile else bare, self.optimizer)
        return step, optim

    def average(self) -> None: ...

    def pull(self) -> None: ...

    def end(self) -> None:
        self.accelerator.free_memory()

    def state(self) -> Mapping[str, Any]:
        return self.optimizer.state_dict()

    def load(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(dict(state))
