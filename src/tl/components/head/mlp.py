"""Hidden layers between features and outputs."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Unpack, final

from torch import Tensor, nn

from tl.components.head.base import Common, Head
from tl.space import Form, Space

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


@final
class Mlp(Head):
    """Hidden layers, each with activation and dropout, then an optional linear bottleneck, then the outputs."""

    kinds: ClassVar[tuple[str, ...]] = ("single", "multi", "number")
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "tokens", "maps")
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self,
        dim_in: int,
        space: Space,
        *,
        hidden: Annotated[tuple[Annotated[int, "at least 1"], ...], "at least 1"],
        bottleneck: Annotated[int, "at least 1"] | None,
        dropout: Annotated[float, "0 to below 1"],
        activation: Literal["relu", "gelu", "silu", "tanh"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(dim_in, space, common)
        widths = [dim_in, *hidden]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += [nn.Linear(width_in, width_out), _ACTIVATIONS[activation](), nn.Dropout(dropout)]
        if bottleneck is not None:
            layers.append(nn.Linear(widths[-1], bottleneck))
        self.layers = nn.Sequential(*layers, nn.Linear(bottleneck or widths[-1], space.dim))

    def answer(self, features: Tensor) -> Tensor:
        output: Tensor = self.layers(features)
        return output
