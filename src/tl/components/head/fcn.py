"""A small fully convolutional network on a map (after Long et al. 2015)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Unpack, final

from torch import Tensor, nn

from tl.components.head.base import Common, Head
from tl.space import Form, Space


@final
class Fcn(Head):
    """A 1 x 1 convolution to `width` channels, one of 3 x 3, and a class for each place by another of 1 x 1."""

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    forms: ClassVar[tuple[Form, ...]] = ("maps",)
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self,
        dim_in: int,
        space: Space,
        *,
        width: Annotated[int, "at least 1"],
        dropout: Annotated[float, "0 to below 1"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(dim_in, space, common)
        self.layers = nn.Sequential(
            nn.Conv2d(dim_in, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, space.dim, 1),
        )

    def answer(self, features: Tensor) -> Tensor:
        """Standardised maps (B, H, W, dim_in) to outputs (B, H, W, space.dim)."""
        output: Tensor = self.layers(features.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return output
