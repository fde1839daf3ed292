"""A batch, as it moves from the data to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Inputs(NamedTuple):
    """Images (B, 3, H, W), token ids (B, T), or an activation; texts have a mask (B, T) of real tokens and segments."""

    values: Tensor
    mask: Tensor | None = None
    segments: Tensor | None = None


class Batch(NamedTuple):
    """Inputs with their targets.

    `y` is int64 (B,) or soft (B, C) for one label, float 0/1 (B, C) for many, float64 (B, K) in raw units for numbers.
    `start` is the first backbone stage that must still run: 0 for samples, a later stage for cached activations.
    `teacher_outputs` (B, C) are the outputs of a frozen teacher for the same inputs, where these outputs are cached.
    """

    x: Inputs
    y: Tensor
    start: int = 0
    teacher_outputs: Tensor | None = None


Streams = Mapping[str, Batch]
