"""Plain fine-tuning."""

from __future__ import annotations

from typing import final

from torch import Tensor

from tl.batch import Streams
from tl.components.method.base import Method
from tl.components.model import Model


@final
class Finetune(Method):
    """Minimises the head's own loss on the training batch."""

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        train = batch["train"]
        return model.loss(model(train.x, train.start), train.y)
