"""Distillation from a trained run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, final

import torch
from torch import Tensor

from tl.batch import Batch, Streams
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.preprocess_file import fingerprint
from tl.errors import TLError


@final
class Distill(Method):
    """alpha T² KL(teacher || student) + (1 - alpha) task loss, both on the same augmented inputs (Hinton et al. 2015).

    For numbers, the squared error to the teacher's prediction replaces the divergence. The teacher is no part of the
    module's state, because a resumed run reads the teacher from the teacher's own run again.
    """

    def __init__(
        self,
        open_model: Callable[[Path], Model],
        *,
        teacher: Path,
        temperature: Annotated[float, "above 0"],
        alpha: Annotated[float, "0 to 1"],
    ) -> None:
        super().__init__()
        self.open_model, self.path, self.temperature, self.alpha = open_model, teacher, temperature, alpha
        self._teacher: list[Model] = []

    def attach(self, model: Model) -> None:
        """Open the teacher; TLError where its classes or its preprocessing are not the student's."""
        teacher = self.open_model(self.path)
        if (teacher.head.space.kind, teacher.head.space.names) != (model.head.space.kind, model.head.space.names):
            raise TLError(f"method.teacher: '{self.path}' answers other classes than this data has; train it on them.")
        if fingerprint(teacher.backbone.preprocess) != fingerprint(model.backbone.preprocess):
            raise TLError(
                f"method.teacher: '{self.path}' preprocesses its inputs otherwise than this backbone does: "
                f"{'; '.join(teacher.backbone.preprocess.lines())} against "
                f"{'; '.join(model.backbone.preprocess.lines())}. Give both the same size, mean and std."
            )
        self._teacher = [teacher.requires_grad_(False).eval()]

    def teacher(self) -> Model | None:
        return self._teacher[0]

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        train = batch["train"]
        output = model(train.x, train.start)
        answer = train.teacher_outputs if train.teacher_outputs is not None else self._answer(train)
        return {
            **{name: (1 - self.alpha) * term for name, term in model.loss(output, train.y).items()},
            "distill": self.alpha * self._divergence(model, output, answer),
        }

    @torch.no_grad()
    def _answer(self, batch: Batch) -> Tensor:
        answer: Tensor = self._teacher[0].to(batch.y.device)(batch.x)
        return answer

    def _divergence(self, model: Model, output: Tensor, answer: Tensor) -> Tensor:
        head, teacher = model.head, self._teacher[0].head
        return head.family.divergence(output, answer, self.temperature, head.figures, teacher.figures)
