"""The class whose mean is nearest."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Unpack, final

import torch
from torch import Tensor
from torch.nn.functional import linear, normalize

from tl import functional
from tl.components.head.base import Common, Head
from tl.space import Space

_UNSEEN_PENALTY = 1e4


@final
class NearestMean(Head):
    """Distances to class means; nothing is learnt (Mensink et al. 2013; softmax over -distance²: Snell et al. 2017).

    A class without training samples is never predicted.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    starts: ClassVar[tuple[str, ...]] = ("class_means",)
    means: Tensor
    penalty: Tensor

    def __init__(
        self,
        dim_in: int,
        space: Space,
        *,
        distance: Literal["euclidean", "cosine"],
        scale: Annotated[float, "above 0"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(dim_in, space, common)
        self.distance, self.scale = distance, scale
        self.register_buffer("means", torch.zeros(space.dim, dim_in))
        self.register_buffer("penalty", torch.zeros(space.dim))

    def answer(self, features: Tensor) -> Tensor:
        if self.distance == "cosine":
            near = linear(normalize(features, dim=-1), normalize(self.means, dim=-1))
        else:
            exact = "donot_use_mm_for_euclid_dist"
            near = -torch.cdist(features.float(), self.means, compute_mode=exact).square()
        near = self.scale * near
        unseen = self.penalty > 0
        # Below the farthest class, however far that is: a fixed number may be less than the distance to it.
        farthest = near.masked_fill(unseen, torch.inf).amin(-1, keepdim=True)
        return torch.where(unseen, farthest - farthest.abs() - self.penalty, near)

    def start(self, features: Tensor, target: Tensor) -> None:
        unit = normalize(features, dim=-1) if self.distance == "cosine" else features
        self.means.copy_(functional.class_means(unit, target, self.space.dim))
        unseen = torch.bincount(target, minlength=self.space.dim) == 0
        self.penalty.copy_(_UNSEEN_PENALTY * unseen)
