"""Several learned centres per class."""

from __future__ import annotations

from typing import ClassVar, Unpack, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl.components.head.base import Common, Head
from tl.errors import TLError
from tl.space import Space


@final
class SoftTriple(Head):
    """Cosine similarity to each class's centres, softly the nearest of them, times a scale (Qian et al. 2019).

    Without the paper's margin, which only training would see. For classes that look in several ways.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    starts: ClassVar[tuple[str, ...]] = ("random",)

    def __init__(
        self, dim_in: int, space: Space, *, centres: int, scale: float, gamma: float, **common: Unpack[Common]
    ) -> None:
        super().__init__(dim_in, space, common)
        for name, value in (("centres", centres), ("scale", scale), ("gamma", gamma)):
            if value <= 0:
                raise TLError(f"head.{name}: {value:g} must be above 0.")
        self.centres = nn.Parameter(torch.randn(space.dim, centres, dim_in))
        self.scale, self.gamma = scale, gamma

    def answer(self, features: Tensor) -> Tensor:
        """Logits (B, C)."""
        similar_bck = torch.einsum("bd,ckd->bck", F.normalize(features, dim=-1), F.normalize(self.centres, dim=-1))
        return self.scale * (similar_bck * (similar_bck / self.gamma).softmax(-1)).sum(-1)

    def start(self, features: Tensor, target: Tensor) -> None:
        """There is no closed-form start: `starts` has only random."""
