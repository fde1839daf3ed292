"""A head on several maps of a backbone, from fine and shallow to coarse and deep."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tl.batch import Features
from tl.components.head.base import Common, Head
from tl.space import Space


class Pyramid(Head):
    """It reads the last map of each of the `maps` largest strides, or of all strides where there are fewer.

    `dims` and `strides` are first those of all stages of the backbone, and then, as attributes, those of the maps that
    are read. `answer` gets these maps as a tuple, standardised; `fit` gets their channels side by side.
    """

    def __init__(
        self, dims: tuple[int, ...], strides: tuple[int, ...], space: Space, maps: int, common: Common
    ) -> None:
        taps = last_of_each(strides, maps)
        chosen = tuple(dims[tap - 1] for tap in taps)
        super().__init__(sum(chosen), space, common)
        self.taps, self.dims, self.strides = taps, chosen, tuple(strides[tap - 1] for tap in taps)

    def standardised(self, features: Features) -> tuple[Tensor, ...]:
        means, stds = (torch.split(one, [*self.dims]) for one in (self.feature_mean, self.feature_std))
        return tuple((one - mean) / std for one, mean, std in zip(features, means, stds, strict=True))


def last_of_each(strides: Sequence[int], count: int) -> tuple[int, ...]:
    """The positions behind the last stage of each stride, shallow to deep; the `count` last ones."""
    positions = {stride: stage + 1 for stage, stride in enumerate(strides)}
    return tuple(sorted(positions.values()))[-count:]
