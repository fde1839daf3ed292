"""No adapter."""

from __future__ import annotations

from typing import final

from torch import Tensor

from tl.components.adapter.base import Adapter


@final
class NoAdapter(Adapter):
    """The identity: features pass unchanged, and nothing is learnt."""

    def forward(self, features: Tensor) -> Tensor:
        return features
