"""What every head does: answer in the output space, weigh its mistakes, turn outputs into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn

from tl import functional
from tl.space import Space


class Common(TypedDict):
    """The keys that all heads share."""

    init: Literal["random", "class_means", "ridge"]
    label_smoothing: float
    focal_gamma: float


class Head(nn.Module, ABC):
    """Features (B, dim_in) to outputs (B, space.dim): logits, or numbers in training standard deviations."""

    mean: Tensor
    std: Tensor
    class_weights: Tensor

    def __init__(self, dim_in: int, space: Space, common: Common) -> None:
        super().__init__()
        self.dim_in, self.space, self.common = dim_in, space, common
        self.register_buffer("mean", torch.tensor(space.mean or [0.0] * space.dim))
        self.register_buffer("std", torch.tensor(space.std or [1.0] * space.dim))
        self.register_buffer("class_weights", torch.tensor(space.class_weights or [1.0] * space.dim))

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Features (B, dim_in) to outputs (B, space.dim)."""

    def fit(self, features: Tensor, target: Tensor) -> None:
        """A closed-form start from all training features (N, dim_in), as `init` names it; `random` leaves things be."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the batch (so that accumulated batches add up), weighted by class but not re-normalised."""
        match self.space.kind:
            case "single":
                return functional.cross_entropy(output, target, self.class_weights, **self._shaping())
            case "multi":
                return functional.binary_cross_entropy(output, target, self.class_weights, **self._shaping())
            case "number":
                return functional.squared_error(output, (target - self.mean) / self.std)

    def _shaping(self) -> dict[str, float]:
        return {"smoothing": self.common["label_smoothing"], "gamma": self.common["focal_gamma"]}

    def scores(self, output: Tensor, temperature: float = 1.0) -> Tensor:
        """Probabilities (B, C) of logits divided by the temperature, or numbers (B, K) in their raw units."""
        match self.space.kind:
            case "single":
                return (output.float() / temperature).softmax(-1)
            case "multi":
                return (output.float() / temperature).sigmoid()
            case "number":
                return output.float() * self.std + self.mean
