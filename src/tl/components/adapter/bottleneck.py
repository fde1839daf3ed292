"""A small residual network on the features."""

from __future__ import annotations

from typing import Annotated, Literal, final

from torch import Tensor, nn

from tl.components.adapter.base import Adapter

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


@final
class Bottleneck(Adapter):
    """x + up(activation(down(x))), where `up` starts at zero (Houlsby et al. 2019; on features: Gao et al. 2021)."""

    def __init__(self, dim: int, *, width: Annotated[int, "at least 1"], activation: Literal["relu", "gelu"]) -> None:
        super().__init__()
        self.down, self.activation, self.up = nn.Linear(dim, width), _ACTIVATIONS[activation](), nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.up(self.activation(self.down(features)))
        return features + change
