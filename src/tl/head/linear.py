"""One linear map from features to outputs."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

import torch
from torch import Tensor, nn

from tl import functional
from tl.head.base import Common, Head
from tl.space import Space


@final
class Linear(Head):
    """Logistic or linear regression on features; with standardised ones its optimum is quick to reach.

    Closed-form starts: class means, the discriminant of equal spherical classes (w = μ, b = -|μ|²/2), and ridge
    regression on targets of ±1 or on standardised numbers. Logits of one label per sample are then scaled so that their
    confidence on the training set fits their accuracy there, at most 0.9, for a saturated softmax would hardly learn;
    those of many labels by 2, since a regression on ±1 estimates f = 2p - 1, whose logit is about 2f.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multi", "number")
    starts: ClassVar[tuple[str, ...]] = ("random", "class_means", "ridge")

    def __init__(self, dim_in: int, space: Space, **common: Unpack[Common]) -> None:
        super().__init__(dim_in, space, common)
        self.linear = nn.Linear(dim_in, space.dim)

    def answer(self, features: Tensor) -> Tensor:
        output: Tensor = self.linear(features)
        return output

    def start(self, features: Tensor, target: Tensor) -> None:
        closed_form = self._means if self.init == "class_means" else self._ridge
        weight, bias = closed_form(features, target)
        match self.space.kind:
            case "single":
                scale = functional.calibrated_scale(features @ weight.T + bias, target)
            case "multi":
                scale = 2.0
            case "number":
                scale = 1.0
        self.linear.weight.copy_(weight * scale)
        self.linear.bias.copy_(bias * scale)

    def _means(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        means = functional.class_means(features, target, self.space.dim)
        bias = -0.5 * means.square().sum(-1)
        unseen = torch.bincount(target, minlength=self.space.dim) == 0
        return means, bias.masked_fill(unseen, float((features @ means.T + bias).min()))

    def _ridge(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        spread = float(features.var(0, correction=0).mean())
        strength = self.common["ridge_strength"] * (spread or 1.0)  # without spread any penalty gives the means
        match self.space.kind:
            case "single":
                wanted = 2.0 * nn.functional.one_hot(target, self.space.dim) - 1
            case "multi":
                wanted = 2 * target - 1
            case "number":
                wanted = (target - self.mean) / self.std
        return functional.ridge(features, wanted, strength)
