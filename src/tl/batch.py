"""A batch, as it moves from the data to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """Images (B, 3, H, W), token ids (B, T), or an activation; texts have a mask (B, T) of real tokens and segments."""

    values: Tensor
    mask: Tensor | None = None
    segments: Tensor | None = None

    def changed(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """The inputs with `change` made to each of their tensors."""
        return Inputs(*(None if tensor is None else change(tensor) for tensor in self))  # type: ignore[arg-type]

    def to(self, device: torch.device) -> Inputs:
        """The inputs on a device."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=True))

    def take(self, rows: Sequence[int]) -> Inputs:
        """The inputs of these samples of the batch, in their order; a sample may come more than once."""
        return self.changed(lambda tensor: tensor[rows])


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

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        answers = None if self.teacher_outputs is None else self.teacher_outputs.to(device, non_blocking=True)
        return Batch(self.x.to(device), self.y.to(device, non_blocking=True), self.start, answers)


Streams = Mapping[str, Batch]
