"""Adam with decoupled weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Unpack, final

from tl.components.optimizer.base import Common, Optimizer, beta_pair

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


@final
class AdamW(Optimizer):
    """Each step shrinks weights by lr * weight_decay, whatever their gradients (Loshchilov and Hutter 2019)."""

    STATES: ClassVar[int] = 2
    MOST_RATE: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        betas: Annotated[tuple[Annotated[float, "0 to below 1"], ...], "exactly 2"],
        eps: Annotated[float, "at least 0"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        self.betas, self.eps = beta_pair("betas", betas), eps

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        from torch.optim import AdamW as TorchAdamW

        return TorchAdamW(groups, betas=self.betas, eps=self.eps, fused=True)
