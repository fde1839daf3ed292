"""Image networks whose stages are modules called one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.folding import fold
from tl.components.preprocess import ImagePreprocess


class Chain(Backbone):
    """`net` holds the tensors under their native names, `stages` the same tensors in the order they run.

    Feature maps (B, C, H, W) are averaged into features; of token sequences (B, T, D) the class token is taken.
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

    def checkpointing(self, on: bool = True) -> bool:
        self._checkpointing = on
        return True

    def _call(self, stage: nn.Module, values: Tensor) -> Tensor:
        if not (self._checkpointing and self.training and torch.is_grad_enabled()):
            called: Tensor = stage(values)
            return called
        contexts = partial(_contexts, stage)
        recomputed: Tensor = checkpoint(stage, values, use_reentrant=False, context_fn=contexts)
        return recomputed


def scaled(preprocess: ImagePreprocess, size: int | None) -> ImagePreprocess:
    """The same preprocessing at another image size, with the same share of the image in the crop."""
    if size is None or size == preprocess.size:
        return preprocess
    resize = round(preprocess.resize * size / preprocess.size)
    return ImagePreprocess(size, resize, preprocess.interpolation, preprocess.mean, preprocess.std)


def _channels_last(values: Tensor) -> Tensor:
    """Depthwise convolutions run up to three times as fast in this layout on a CPU.

    An activation read back from the cache is brought to it too: with another layout the bits would differ.
    """
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _still(stage)


@contextmanager
def _still(stage: nn.Module) -> Iterator[None]:
    """Batch-norm statistics stay as they are: checkpointing runs a stage twice and must not count a batch twice."""
    norms = [module for module in stage.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, None if (n := norm.num_batches_tracked) is None else n.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
