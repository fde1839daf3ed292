"""What an adapter is: new parameters between a backbone's features and the head."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Adapter(nn.Module, ABC):
    """Features (B, D) to features (B, D); the identity at the start.

    An adapter without parameters stays the identity, so the model does not call it.
    """

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor: ...
