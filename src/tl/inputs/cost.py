"""What each backbone stage costs for one sample, and how large its activation is: counted, hence always the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

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
    """The cost of every stage in order, of which the pooling is the last.

    Matrix products and convolutions are counted as torch carries them out, those within attention too.
    """
    found, samples = [], len(x.values)
    with torch.inference_mode(), _whole_attention():
        for number in range(backbone.depth):
            with FlopCounterMode(display=False) as counted:
                x = backbone.between(x, number, number + 1)
            real = 1.0 if x.mask is None else float(x.mask.float().mean())
            found.append(StageCost(counted.get_total_flops() / samples, real * x.values.nbytes / samples))
    return found


@contextmanager
def _whole_attention() -> Iterator[None]:
    """Keep torch from computing an attention layer in one operation of its own, whose work no counter knows."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def seconds(flops: float, device: torch.device) -> float:
    """About how long so many floating-point operations take on a device."""
    return flops / (_GPU if device.type == "cuda" else _CORE * torch.get_num_threads())


def saved(below: Sequence[StageCost], size: float, reads: float, device: torch.device) -> float:
    """About how many seconds a sample saves where `size` bytes that the stages `below` give are read `reads` times."""
    computed = seconds(sum(stage.flops for stage in below), device)
    return computed * (reads - 1) - size / _FILE * (reads + 1)
