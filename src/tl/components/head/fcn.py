"""A small fully convolutional network on maps (after Long et al. 2015)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Unpack, final

from torch import Tensor, nn
from torch.nn.functional import interpolate

from tl.components.head.base import Common
from tl.components.head.pyramid import Pyramid
from tl.space import Form, Space


@final
class Fcn(Pyramid):
    """Each map to `width` channels and to the finest grid, their sum through a convolution of 3 x 3, then the classes.

    Maps are brought to one width by convolutions of 1 x 1, and to one grid by bilinear interpolation.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    forms: ClassVar[tuple[Form, ...]] = ("maps",)
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self,
        dims: tuple[int, ...],
        strides: tuple[int, ...],
        space: Space,
        *,
        maps: Annotated[int, "at least 1"],
        width: Annotated[int, "at least 1"],
        dropout: Annotated[float, "0 to below 1"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(dims, strides, space, maps, common)
        self.lateral = nn.ModuleList(nn.Conv2d(dim, width, 1) for dim in self.dims)
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, space.dim, 1),
        )

    def answer(self, features: tuple[Tensor, ...]) -> Tensor:
        """Standardised maps (B, H_i, W_i, D_i) to outputs (B, H, W, space.dim) at the places of the first."""
        finest, *coarser = (layer(one.permute(0, 3, 1, 2)) for layer, one in zip(self.lateral, features, strict=True))
        for one in coarser:
            finest = finest + interpolate(one, finest.shape[2:], mode="bilinear", align_corners=False)
        output: Tensor = self.layers(finest).permute(0, 2, 3, 1)
        return output
