"""Image networks whose stages are modules that are called one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import isqrt

import torch
from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.folding import fold
from tl.components.backbone.recomputing import recomputed
from tl.components.preprocess import ImagePreprocess
from tl.errors import TLError

_SIDE = 64  # pixels; the strides divide it


class Chain(Backbone):
    """`net` names its tensors as the published weights do; `stages` hold the same tensors in the order they run.

    Pooling averages feature maps (B, C, H, W), and takes the class token of token sequences (B, T, D).
    """

    def __init__(self, net: nn.Module, stages: Sequence[nn.Module], dim: int, preprocess: ImagePreprocess) -> None:
        super().__init__()
        fold(net)
        self.net, self.dim, self.preprocess = net, dim, preprocess
        self._stages = tuple(stages)
        self._checkpointing = False

    def stages(self) -> Sequence[nn.Module]:
        return self._stages

    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        values = _channels_last(x.values)
        for stage in self._stages[start:stop]:
            values = self._call(stage, values)
        return x._replace(values=values)

    def pool(self, x: Inputs) -> Tensor:
        return x.values.mean((2, 3)) if x.values.ndim == 4 else x.values[:, 0]

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(dim for dim, _ in self._grids)

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(_SIDE // side for _, side in self._grids)

    @cached_property
    def _grids(self) -> tuple[tuple[int, int], ...]:
        """The channels and the side of each stage's map of a picture with the side `_SIDE`."""
        training = {module: module.training for module in self.modules()}
        picture = torch.zeros(1, 3, _SIDE, _SIDE, device=next(self.parameters()).device)
        with torch.no_grad():
            maps = self.eval()(Inputs(picture), taps=range(1, self.depth))
        for module, was in training.items():
            module.training = was
        return tuple((grid.shape[-1], grid.shape[1]) for grid in map(self.grid, maps))

    def grid(self, values: Tensor) -> Tensor:
        """A feature map (B, C, H, W) with its channels last; tokens (B, 1 + H W, D) without the class token."""
        if values.ndim == 4:
            return values.permute(0, 2, 3, 1).contiguous()
        return square(values[:, 1:])

    def checkpointing(self, on: bool = True) -> bool:
        self._checkpointing = on
        return True

    def _call(self, stage: nn.Module, values: Tensor) -> Tensor:
        if not (self._checkpointing and self.training and torch.is_grad_enabled()):
            called: Tensor = stage(values)
            return called
        checkpointed: Tensor = recomputed(stage, stage, values)
        return checkpointed


def square(tokens: Tensor) -> Tensor:
    """The tokens (B, S S, D) of a square picture's patches as a map (B, S, S, D)."""
    side = isqrt(tokens.shape[1])
    return tokens.reshape(len(tokens), side, side, -1).contiguous()


def at_image_size(preprocess: ImagePreprocess, size: int | None) -> ImagePreprocess:
    """The same preprocessing at another image size: the crop keeps its share of the image. None changes nothing."""
    if size is None or size == preprocess.size:
        return preprocess
    resize = round(preprocess.resize * size / preprocess.size)
    try:
        return replace(preprocess, size=size, resize=resize)
    except TLError as error:
        raise TLError(f"backbone.size={size}: {error}.") from error


def _channels_last(values: Tensor) -> Tensor:
    """Feature maps in the layout in which depthwise convolutions on a CPU run up to three times as fast.

    Activations from the cache get the same layout, because results in another layout would differ in the last bits.
    """
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values
