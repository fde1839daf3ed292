"""The cosine of the two embeddings of a pair."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from tl.components.head.base import Common, Head
from tl.space import Form, Space


@final
class CosinePair(Head):
    """One linear map of both embeddings, which starts as the identity, then their cosine.

    So a model with this head answers before its first step as its pretrained backbone does: zero-shot.
    """

    kinds: ClassVar[tuple[str, ...]] = ("number",)
    forms: ClassVar[tuple[Form, ...]] = ("pair",)
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(self, dim_in: int, space: Space, **common: Unpack[Common]) -> None:
        super().__init__(dim_in, space, common)
        self.from_scratch()  # `auto` leaves the embeddings as they are
        self.linear = nn.Linear(dim_in, dim_in, bias=False)
        nn.init.eye_(self.linear.weight)

    def answer(self, features: Tensor) -> Tensor:
        """Features (B, 2, dim_in) to cosines (B, 1)."""
        first, second = self.linear(features).unbind(1)
        return cosine_similarity(first, second, dim=-1).unsqueeze(-1)

    @torch.no_grad()
    def fit(self, features: Tensor, target: Tensor) -> None:
        """Set the standardisation from the embeddings (N, 2, dim_in) of both texts of all training pairs."""
        super().fit(features.flatten(0, 1), target)
