"""One linear map from features to outputs."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

import torch
from torch import Tensor, nn

from tl import functional
from tl.components.head.base import Common, Head
from tl.space import Form, Space

STRENGTHS = [10 ** (half / 2) for half in range(-4, 5)]


@final
class Linear(Head):
    """Logistic or linear regression on features; standardised features make its optimum quick to reach.

    init=logistic is the logistic regression trained to convergence (its loss is convex, and nothing in it is random).
    init=class_means is the discriminant of equal spherical classes (w = μ, b = -|μ|²/2). init=ridge is ridge regression
    on targets of ±1 or on standardised numbers, with a strength chosen by leave-one-out. After the last two, logits of
    one label per sample are scaled so that their confidence equals their accuracy, at most 0.9, because a saturated
    softmax would hardly learn; for ridge, both are measured on samples left out, because it fits a few samples exactly.
    Ridge's answers f to many labels estimate 2p - 1, whose logit is log((1 + f) / (1 - f)); the head, which is linear,
    has that function's value and slope where f is the label's mean.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multi", "number")
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "tokens", "maps")
    starts: ClassVar[tuple[str, ...]] = ("random", "class_means", "logistic", "ridge")

    def __init__(self, dim_in: int, space: Space, **common: Unpack[Common]) -> None:
        super().__init__(dim_in, space, common)
        self.linear = nn.Linear(dim_in, space.dim)

    def answer(self, features: Tensor) -> Tensor:
        output: Tensor = self.linear(features)
        return output

    def start(self, features: Tensor, target: Tensor) -> None:
        if self.init == "logistic":
            return self._logistic(features, target)
        weight, bias = (self._means if self.init == "class_means" else self._ridge)(features, target)
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)
        return None

    def _logistic(self, features: Tensor, target: Tensor) -> None:
        """Minimise the loss of all N samples plus strength / 2N times the squared weights; a strength of null is 1.

        Of many labels the losses are summed, so that each label has the penalty that it would have alone.
        In float32 the line search would end early, with probabilities up to 0.005 from the optimum's; hence float64.
        """
        strength = self.common["ridge_strength"] or 1.0
        exact = features.double()
        pair = (self.linear.weight, self.linear.bias)
        problems = self.family.separate_problems(self.space.dim)
        weight, bias = (torch.zeros_like(one, dtype=torch.float64, requires_grad=True) for one in pair)

        def objective() -> Tensor:
            loss = problems * self.loss(nn.functional.linear(exact, weight, bias), target)
            return loss + 0.5 * strength / len(exact) * weight.square().sum()

        functional.minimise((weight, bias), objective)
        for parameter, optimum in zip(pair, (weight, bias), strict=True):
            parameter.copy_(optimum)

    def _means(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        means = functional.class_means(features, target, self.space.dim)
        bias = -0.5 * means.square().sum(-1)
        unseen = torch.bincount(target, minlength=self.space.dim) == 0
        bias = bias.masked_fill(unseen, float((features @ means.T + bias).min()))
        scale = functional.calibrated_scale(features @ means.T + bias, target)
        return means * scale, bias * scale

    def _ridge(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        variance = float(features.var(0, correction=0).mean())
        given = self.common["ridge_strength"]
        # Where all features are alike, any penalty gives the mean of the targets.
        strengths = [(variance or 1.0) * one for one in ([given] if given is not None else STRENGTHS)]
        wanted = self.family.regression_target(target, self.space.dim, self.figures)
        # Not those that are alone in their class, of which nothing is left.
        spread = functional.spread_rows(len(target), max(self.space.dim, self.dim_in)).to(target.device)
        rows = self.family.repeated(spread, target)
        if not len(rows):
            weight, bias = functional.ridge(features, wanted, strengths[-1])
            scale = functional.calibrated_scale(features @ weight.T + bias, target)
            return weight * scale, bias * scale
        answers = functional.leave_one_out(features, wanted, strengths, rows)
        rated = [self.family.rate_left_out(one, wanted[rows], target[rows]) for one in answers]
        chosen = functional.simplest([losses for losses, _ in rated])
        weight, bias = functional.ridge(features, wanted, strengths[chosen])
        return self.family.as_logits(weight, bias, rated[chosen][1], wanted.mean(0, dtype=torch.float32))
