"""RetinaNet (Lin et al. 2017): a feature pyramid over maps, and two small networks on each of its levels."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Unpack, final

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import FeaturePyramidNetwork

from tl.components.anchored import Anchored
from tl.components.head.base import Common
from tl.components.head.pyramid import Pyramid
from tl.errors import TLError
from tl.space import Form, Space

_SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
_RATIOS = (0.5, 1.0, 2.0)
_GROUPS = 8


@final
class Retina(Pyramid):
    """At each place of each level, nine anchors: for each a shift to a box, and the logits of its classes.

    The pyramid (Lin et al. 2017) adds coarser maps to finer ones from above; `coarser` levels follow by convolutions
    of stride 2. Groups of channels are normalised (Wu and He 2018), since a frozen backbone's maps differ in scale. At
    first every class has a probability of .01, so that the many anchors without a box do not drown the others.
    """

    kinds: ClassVar[tuple[str, ...]] = ("multi",)
    forms: ClassVar[tuple[Form, ...]] = ("maps",)
    answers: ClassVar[str] = "boxes at anchors"
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self,
        dims: tuple[int, ...],
        strides: tuple[int, ...],
        space: Space,
        *,
        maps: Annotated[int, "at least 1"],
        coarser: Annotated[int, "0 to 3"],
        width: Annotated[int, "at least 8"],
        anchor: Annotated[float, "above 0"],
        **common: Unpack[Common],
    ) -> None:
        if common["standardize"] is True:
            raise TLError("head.standardize=true: head 'retina' normalises maps by itself: set it to auto.")
        if width % _GROUPS:
            raise TLError(
                f"head.width={width} is no multiple of {_GROUPS}: channels are normalised in {_GROUPS} groups."
            )
        super().__init__(dims, strides, space, maps, {**common, "standardize": False})
        normed = partial(nn.GroupNorm, _GROUPS)
        self.pyramid = FeaturePyramidNetwork([*self.dims], width, norm_layer=normed)
        self.further = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(coarser))
        cell = _anchors_of_a_place()
        self.towers = RetinaNetHead(width, len(cell), space.dim, norm_layer=normed)
        self.coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.side = anchor
        self.register_buffer("cell", cell, persistent=False)

    cell: Tensor

    def answer(self, features: tuple[Tensor, ...]) -> Tensor:
        """Maps (B, H_i, W_i, D_i) to (B, A, 8 + C): the sides of A anchors and of the boxes found there, and logits."""
        named = {str(number): one.permute(0, 3, 1, 2) for number, one in enumerate(features)}
        levels = [*self.pyramid(named).values()]
        for layer in self.further:
            levels.append(layer(levels[-1].relu()))
        found = self.towers(levels)
        anchors = self._anchors(levels)
        batch = len(levels[0])
        shifts = found["bbox_regression"].float().flatten(0, 1)
        sides = self.coder.decode_single(shifts, anchors.repeat(batch, 1)).view(batch, -1, 4)
        every = anchors.expand(batch, -1, -1)
        return Anchored(every, sides, found["cls_logits"]).packed()

    def _anchors(self, levels: list[Tensor]) -> Tensor:
        """The sides (A, 4) of the anchors of all levels, in the order in which the towers answer."""
        strides = [*self.strides, *(self.strides[-1] * 2 ** (1 + number) for number in range(len(self.further)))]
        found = []
        for level, stride in zip(levels, strides, strict=True):
            rows, columns = (torch.arange(n, device=level.device) + 0.5 for n in level.shape[2:])
            y, x = torch.meshgrid(rows, columns, indexing="ij")
            centres = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4) * stride
            found.append((centres + self.cell * (self.side * stride)).reshape(-1, 4))
        return torch.cat(found)


def _anchors_of_a_place() -> Tensor:
    """The sides (9, 4) of the anchors around a place, for a side of 1: three scales, and three shapes of each."""
    halves = [(scale / ratio**0.5 / 2, scale * ratio**0.5 / 2) for ratio in _RATIOS for scale in _SCALES]
    return torch.tensor([(-wide, -high, wide, high) for wide, high in halves])
