"""What a method says: what a step minimises. Whatever it remembers is module state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from tl.batch import Streams
from tl.components.model import Model


class Method(nn.Module, ABC):
    """Sees one batch of each of its streams per step. Its own parameters learn in every phase, at the head's rate.

    A method may read the model's weights at any time. It may change them within `loss` only if the weights are the old
    ones again when `loss` returns, and not together with loop.gradient_checkpointing: that computes activations again
    in the backward pass, from the weights of that moment, and raises an error where these are others.
    """

    streams: ClassVar[tuple[str, ...]] = ("train",)
    progress: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("progress", torch.zeros(()))

    def attach(self, model: Model) -> None:
        """Make what depends on the model (a discriminator, a teacher); called before the optimizer is built."""

    def teacher(self) -> Model | None:
        """A frozen model whose answers to the training inputs may be read back; then batches bring them along."""
        return None

    @abstractmethod
    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        """Named terms, each a mean over the batch; their sum is minimised. `progress` is the share of the run done."""
