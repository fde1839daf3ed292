"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Unpack, final

from tl.components.optimizer.base import Common, Optimizer, with_l1
from tl.errors import TLError

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


@final
class Sgd(Optimizer):
    """Heavy-ball or Nesterov momentum; L1 and L2 penalties are part of the gradient."""

    STATES: ClassVar[int] = 1
    MOST_RATE: ClassVar[float] = 100.0

    def __init__(
        self,
        *,
        momentum: Annotated[float, "0 to below 1"],
        nesterov: bool,
        l1: Annotated[float, "at least 0"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        if nesterov and momentum == 0:
            raise TLError("optimizer.nesterov: true needs optimizer.momentum above 0; 0.9 is usual.")
        self.momentum, self.nesterov, self.l1 = momentum, nesterov, l1

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        from torch.optim import SGD

        return with_l1(SGD(groups, momentum=self.momentum, nesterov=self.nesterov, fused=True), self.l1)
