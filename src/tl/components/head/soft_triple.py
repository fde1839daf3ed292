"""Several learned centres per class."""

from __future__ import annotations

from typing import Annotated, ClassVar, Unpack, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl.components.head.base import Common, Head
from tl.space import Space


@final
class SoftTriple(Head):
    """Cosine similarity to the nearest of a class's centres, by a softmax over them, times a scale (Qian et al. 2019).

    Suits classes that look in several ways. The paper's margin is left out, because it would apply in training only.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self,
        dim_in: int,
        space: Space,
        *,
        centres: Annotated[int, "at least 1"],
        scale: Annotated[float, "above 0"],
        gamma: Annotated[float, "above 0"],
        **common: Unpack[Common],
    ) -> None:
        super().__init__(dim_in, space, common)
        self.centres = nn.Parameter(torch.randn(space.dim, centres, dim_in))
        self.scale, self.gamma = scale, gamma

    def answer(self, features: Tensor) -> Tensor:
        """Logits (B, C)."""
        similar_bck = torch.einsum("bd,ckd->bck", F.normalize(features, dim=-1), F.normalize(self.centres, dim=-1))
        return self.scale * (similar_bck * (similar_bck / self.gamma).softmax(-1)).sum(-1)
