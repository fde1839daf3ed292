"""What each backbone stage costs for one sample, and how large its activation is: counted, hence always the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.base import Backbone

# Operations per second of a CPU core and of a GPU, and bytes per second from a memory-mapped file: orders of
# magnitude, which only decide whether storing pays.
_CORE, _GPU, _FILE = 2e10, 3e13, 1e9


@dataclass(frozen=True)
class StageCost:
    """The floating-point operations of a stage, and the bytes of its activation, for one sample."""

    flops: float
    bytes: float


def stage_costs(backbone: Backbone, x: Inputs) -> list[StageCost]:
    """The cost of every stage in order, of which the pooling is the last; counts matrix products and convolutions."""
    found, samples = [], len(x.values)
    with torch.inference_mode():
        for number in range(backbone.depth):
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
    """About how long so many floating-point operations take on a device."""
    return flops / (_GPU if device.type == "cuda" else _CORE * torch.get_num_threads())


def saved(below: Sequence[StageCost], reads: float, device: torch.device) -> float:
    """About how many seconds a sample saves where the activation after the stages `below` is read `reads` times."""
    computed = seconds(sum(stage.flops for stage in below), device)
    return computed * (reads - 1) - below[-1].bytes / _FILE * (reads + 1)
