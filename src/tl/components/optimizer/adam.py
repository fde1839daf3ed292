"""Adam, with L1 and L2 penalties as part of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Unpack, final

from tl.components.optimizer.base import Common, Optimizer, beta_pair, with_l1

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


@final
class Adam(Optimizer):
    """The penalties' gradients are added to the loss's gradient, so Adam rescales them too (Kingma and Ba 2015)."""

    STATES: ClassVar[int] = 2
    MOST_RATE: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        betas: Annotated[tuple[Annotated[float, "0 to below 1"], ...], "exactly 2"],
        eps: Annotated[float, "at least 0"],
        l1: Annotated[float, "at least 0"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        self.betas, self.eps, self.l1 = beta_pair("betas", betas), eps, l1

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        from torch.optim import Adam as TorchAdam

        return with_l1(TorchAdam(groups, betas=self.betas, eps=self.eps, fused=True), self.l1)
