"""Cosines between features and one vector per class."""

from __future__ import annotations

from typing import Annotated, ClassVar, Unpack, final

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tl import functional
from tl.components.head.base import Common, Head
from tl.space import Form, Space


@final
class Cosine(Head):
    """Cosine classifier with a learned scale (Gidaris and Komodakis 2018; Chen et al. 2019).

    With init=class_means, a class's vector starts as the mean of the class's normalised features; a class without
    samples keeps its random vector.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "tokens", "maps")
    starts: ClassVar[tuple[str, ...]] = ("random", "class_means")

    def __init__(
        self, dim_in: int, space: Space, *, scale: Annotated[float, "above 0"], **common: Unpack[Common]
    ) -> None:
        super().__init__(dim_in, space, common)
        self.weight = nn.Parameter(normalize(torch.randn(space.dim, dim_in), dim=-1))
        self.scale = nn.Parameter(torch.tensor(scale))

    def answer(self, features: Tensor) -> Tensor:
        return self.scale * nn.functional.linear(normalize(features, dim=-1), normalize(self.weight, dim=-1))

    def start(self, features: Tensor, target: Tensor) -> None:
        means = functional.class_means(normalize(features, dim=-1), target, self.space.dim)
        seen = torch.bincount(target, minlength=self.space.dim) > 0
        self.weight[seen] = normalize(means[seen], dim=-1)
