"""A batch, as it moves from the data to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tl.space import IGNORED

Features = Tensor | tuple[Tensor, ...]
"""What a head reads: pooled features (B, D), tokens (B, T, D), or maps (B, H_i, W_i, D_i), shallow to deep."""


class Inputs(NamedTuple):
    """Images (B, 3, H, W), token ids (B, T), or an activation; texts have a mask (B, T) of real tokens and segments.

    `maps` are the activations at the head's taps that lie before `values`, shallow to deep: see components/model.py.
    """

    values: Tensor
    mask: Tensor | None = None
    segments: Tensor | None = None
    maps: tuple[Tensor, ...] = ()

    def changed(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """The inputs with `change` made to each of their tensors."""
        mask, segments = (None if tensor is None else change(tensor) for tensor in (self.mask, self.segments))
        return Inputs(change(self.values), mask, segments, tuple(map(change, self.maps)))

    def to(self, device: torch.device) -> Inputs:
        """The inputs on a device."""
        return self.changed(lambda tensor: _moved(tensor, device))

    def take(self, rows: Sequence[int]) -> Inputs:
        """The inputs of these samples of the batch, in their order; a sample may come more than once."""
        return self.changed(lambda tensor: tensor[rows])


class Batch(NamedTuple):
    """Inputs with their targets.

    `y` is int64 (B,) or soft (B, C) for one label, float 0/1 (B, C) for many, float64 (B, K) in raw units for numbers,
    and int64 (B, T) or (B, H, W) for a class of each token or pixel. Of pairs that are embedded apart, `x` has 2B rows.
    `start` is the first backbone stage that must still run: 0 for samples, a later stage for cached activations.
    `teacher_outputs` (B, C) are the outputs of a frozen teacher for the same inputs, where these outputs are cached.
    """

    x: Inputs
    y: Tensor
    start: int = 0
    teacher_outputs: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        answers = None if self.teacher_outputs is None else _moved(self.teacher_outputs, device)
        return Batch(self.x.to(device), _moved(self.y, device), self.start, answers)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device. A GPU copies from pinned memory only while it computes; else each copy waits for it."""
    if device.type == "cuda" and tensor.device.type == "cpu" and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class Targets:
    """The targets of a split's samples: a tensor (n, ...), or, with `ends`, whole numbers of which each has several.

    Sample i then has the `values` from `ends[i]` to `ends[i + 1]`. `counts` (n,) says how many targets each sample has;
    None where each has one.
    """

    def __init__(self, values: Tensor, ends: Sequence[int] | None = None) -> None:
        self.values, self.ends = values, ends
        self.counts: Tensor | None = None
        if ends is not None:
            known = torch.cat([torch.zeros(1, dtype=torch.long), (values != IGNORED).cumsum(0)])
            self.counts = known[torch.as_tensor(ends)].diff()

    def __len__(self) -> int:
        return len(self.values) if self.ends is None else len(self.ends) - 1

    def one(self, number: int) -> Tensor:
        """The target of a sample."""
        return self.values[number] if self.ends is None else self.values[self.ends[number] : self.ends[number + 1]]

    def take(self, numbers: Sequence[int]) -> Tensor:
        """The targets (B, ...) of these samples."""
        return self.values[numbers] if self.ends is None else self.joined([self.one(number) for number in numbers])

    def joined(self, targets: Sequence[Tensor]) -> Tensor:
        """The targets of single samples as those of a batch; ragged ones are padded to the longest with IGNORED."""
        if self.ends is None:
            return torch.stack(list(targets))
        return pad_sequence(list(targets), batch_first=True, padding_value=IGNORED)


Streams = Mapping[str, Batch]
