"""Embeddings, whose cosines say what is alike."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

import torch
from torch import Tensor, nn

from tl.components.head.base import Common, Head
from tl.space import Form, Space


@final
class EmbeddingHead(Head):
    """One linear map, which starts as the identity.

    So a model with this head answers before its first step as its pretrained backbone does: zero-shot.
    """

    kinds: ClassVar[tuple[str, ...]] = ("embedding",)
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "pair")
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(self, dim_in: int, space: Space, **common: Unpack[Common]) -> None:
        super().__init__(dim_in, space, common)
        self.from_scratch()  # `auto` leaves the embeddings as they are
        self.linear = nn.Linear(dim_in, dim_in, bias=False)
        nn.init.eye_(self.linear.weight)

    def answer(self, features: Tensor) -> Tensor:
        """Features (..., dim_in) to embeddings (..., dim_in), of whatever length."""
        embeddings: Tensor = self.linear(features)
        return embeddings

    @torch.no_grad()
    def fit(self, features: Tensor, target: Tensor) -> None:
        """Set the standardisation from the features (N, ..., dim_in) of all training samples, both halves of pairs."""
        super().fit(features.reshape(-1, self.dim_in), target)
