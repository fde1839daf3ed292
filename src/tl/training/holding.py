"""How the weights, gradients and optimizer state of a phase lie on the devices: whole on each, or sharded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from accelerate import Accelerator
from torch import Tensor, nn


class Holding(ABC):
    """`optimizer` is the one whose learning rates are set and logged."""

    optimizer: torch.optim.Optimizer

    @abstractmethod
    def begin(self, step: nn.Module) -> tuple[nn.Module, Any]:
        """Begin a phase with the weights of `step`; gives the module and the optimizer that take the phase's steps."""

    @abstractmethod
    def average(self) -> None:
        """After the last piece of a batch: make the gradients the mean over all processes."""

    @abstractmethod
    def whole(self, value: Tensor) -> Tensor:
        """A tensor with its parts from all processes; all processes must ask for it together."""

    @abstractmethod
    def pull(self) -> None:
        """Give the model the weights that the steps have reached."""

    @abstractmethod
    def end(self) -> None:
        """End the phase."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """The optimizer's state, in a form for any number of processes."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Go on with a state that `state` gave."""


@final
class Whole(Holding):
    """Every process holds everything, and DDP averages the gradients. `compile` is applied to each phase's step."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        accelerator: Accelerator,
        compile: Callable[[nn.Module], nn.Module] | None,
    ) -> None:
        self.optimizer, self.accelerator, self.compile = optimizer, accelerator, compile

    def begin(self, step: nn.Module) -> tuple[nn.Module, Any]:
        self.accelerator.free_memory()
        prepared, optimizer = self.accelerator.prepare(self.compile(step) if self.compile else step, self.optimizer)
        return prepared, optimizer

    def average(self) -> None: ...

    def whole(self, value: Tensor) -> Tensor:
        return value

    def pull(self) -> None: ...

    def end(self) -> None:
        self.accelerator.free_memory()

    def state(self) -> Mapping[str, Any]:
        return self.optimizer.state_dict()

    def load(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(dict(state))
