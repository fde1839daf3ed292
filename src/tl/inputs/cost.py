"""How much work each backbone stage is for one sample, and how much it gives: counted, so always the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.base import Backbone

# What a core of a CPU and a GPU do in a second of such work, and what comes from a memory-mapped file: orders of
# magnitude, which only decide whether storing pays.
_CORE, _GPU, _FILE = 2e10, 3e13, 1e9


@dataclass(frozen=True)
class StageCost:
    """Floating-point operations of the stage, and the bytes it gives, for one sample."""

    flops: float
    bytes: float


def stage_costs(backbone: Backbone, x: Inputs) -> list[StageCost]:
    """Every stage in order, the last one is the pooling; matrix products and convolutions are counted."""
    found, samples = [], len(x.values)
    with torch.inference_mode():
        for number in range(len(backbone.stages()) + 1):
            with _counting(backbone) as products:
                x = backbone.between(x, number, number + 1)
            real = 1.0 if x.mask is None else float(x.mask.float().mean())
            found.append(StageCost(sum(products) / samples, real * x.values.nbytes / samples))
    return found


@contextmanager
def _counting(module: nn.Module) -> Iterator[list[float]]:
    products: list[float] = []

    def count(layer: nn.Module, _: Any, output: Any) -> None:
        weight = layer.weight
        if isinstance(output, Tensor) and isinstance(weight, Tensor):
            products.append(2.0 * weight.numel() * output.numel() / weight.shape[0])

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d)
    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, kinds)]
    try:
        yield products
    finally:
        for hook in hooks:
            hook.remove()


def seconds(flops: float, device: torch.device) -> float:
    """About how long so many operations take."""
    return flops / (_GPU if device.type == "cuda" else _CORE * torch.get_num_threads())


def saved(below: Sequence[StageCost], reads: float, device: torch.device) -> float:
    """About how many seconds a sample saves when what the stages `below` give is stored and read so many times."""
    computed = seconds(sum(stage.flops for stage in below), device)
    return computed * (reads - 1) - below[-1].bytes / _FILE * (reads + 1)
