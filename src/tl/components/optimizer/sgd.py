"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

from tl.components.optimizer.base import Common, Optimizer, not_negative, with_l1
from tl.errors import TLError

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


@final
class Sgd(Optimizer):
    """Heavy-ball or Nesterov momentum; L1 and L2 penalties are part of the gradient."""

    STATES: ClassVar[int] = 1

    def __init__(self, *, momentum: float, nesterov: bool, l1: float, **common: Unpack[Common]) -> None:
        super().__init__(common)
        if not 0 <= momentum < 1:
            raise TLError(f"optimizer.momentum: {momentum:g} must be from 0 to below 1; 0.9 is usual.")
        if nesterov and momentum == 0:
            raise TLError("optimizer.nesterov: true needs optimizer.momentum above 0; 0.9 is usual.")
        self.momentum, self.nesterov, self.l1 = momentum, nesterov, not_negative("l1", l1)

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        from torch.optim import SGD

        return with_l1(SGD(groups, momentum=self.momentum, nesterov=self.nesterov, fused=True), self.l1)
