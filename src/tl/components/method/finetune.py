"""Plain fine-tuning."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from tl.batch import Streams
from tl.components.method.base import Method
from tl.components.model import Model
from tl.space import Form


@final
class Finetune(Method):
    """Minimises the task's own loss on the training batch."""

    forms: ClassVar[tuple[Form, ...]] = ("pooled", "tokens", "maps", "pair")

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        train = batch["train"]
        return model.loss(model(train.x, train.start), train.y)
