"""A residual network for pictures of 32 pixels, small enough to train in a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import torch.nn.functional as F
from torch import Tensor, nn

from tl.backbone.base import Backbone
from tl.backbone.tiny import tiny_state
from tl.batch import Inputs
from tl.errors import TLError
from tl.preprocess import ImagePreprocess
from tl.weights import Weights

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
WIDTHS = (24, 48, 96, 128)


class Block(nn.Module):
    """Two convolutions around a shortcut, at half the resolution (He et al. 2016)."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.first = _convolution(dim_in, dim_out, kernel=3, stride=2)
        self.second = _convolution(dim_out, dim_out, kernel=3)
        self.shortcut = _convolution(dim_in, dim_out, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(F.avg_pool2d(x, 2, ceil_mode=True)))


@final
class TinyImage(Backbone):
    """Stem, two residual blocks and a widening: (B, 3, H, W) to (B, 128), with batch-norm in every stage."""

    STAGES: ClassVar[dict[str, int]] = {"": 4}
    dim = WIDTHS[-1]

    def __init__(self, *, weights: Weights, size: int) -> None:
        super().__init__()
        if size < 8:
            raise TLError(f"size: {size} is too small for tiny_image: write 8 or more (its weights were made at 32).")
        stem, low, high, wide = WIDTHS
        self.body = nn.ModuleList(
            [
                nn.Sequential(_convolution(3, stem, kernel=5, stride=2), nn.ReLU()),
                Block(stem, low),
                Block(low, high),
                nn.Sequential(_convolution(high, wide, kernel=1), nn.ReLU()),
            ]
        )
        fresh = ImagePreprocess(size, size, "bilinear", MEAN, STD)
        state, self.preprocess = tiny_state(weights, fresh)
        if state is not None:
            self.load_state_dict(state)

    def stages(self) -> Sequence[nn.Module]:
        return list(self.body)

    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        values = x.values
        for stage in self.stages()[start:stop]:
            values = stage(values)
        return x._replace(values=values)

    def pool(self, x: Inputs) -> Tensor:
        return x.values.mean((2, 3))


def _convolution(dim_in: int, dim_out: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(dim_in, dim_out, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(dim_out))
