"""What every method does: say what a step minimises. Whatever a method remembers is module state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from tl.batch import Streams
from tl.components.model import Model
from tl.space import Form


class Method(nn.Module, ABC):
    """Sees one batch of each of its `streams` in a step. Its own parameters learn in every phase, at the head's rate.

    `forms` are the forms of features that it works on.

    `loss` may read the model's weights. Where it changes them for a while (a sharpness-aware step, meta-learning, a
    moving average), it must compute every gradient that needs the changed weights itself, and then put the old weights
    back, because the backward pass of the returned terms begins after `loss`. With loop.gradient_checkpointing that
    pass also computes activations again, from the weights that are there then. Where these are not the weights of the
    forward pass, a RuntimeError is raised (components/backbone/recomputing.py).
    """

    streams: ClassVar[tuple[str, ...]] = ("train",)
    forms: ClassVar[tuple[Form, ...]] = ("pooled",)
    progress: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("progress", torch.zeros(()))

    def attach(self, model: Model) -> None:
        """Build what depends on the model (a discriminator, a teacher); called before the optimizer is built."""

    def teacher(self) -> Model | None:
        """A frozen model whose outputs for the training inputs may be cached; batches then hold these outputs too."""
        return None

    @abstractmethod
    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        """Named terms, each a mean over the batch; their sum is minimised. `progress` is the share of the run done."""
