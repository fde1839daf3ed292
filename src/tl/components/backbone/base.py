"""What every backbone is: a chain of stages, shallow to deep, that can be started and stopped between any two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.loading import LoadReport
from tl.components.preprocess import Preprocess


class Backbone(nn.Module, ABC):
    """Inputs to features (B, dim). All parameters and buffers belong to exactly one stage.

    `report` tells what was loaded into it; None where it started from random weights.
    """

    dim: int
    preprocess: Preprocess
    report: LoadReport | None = None

    @abstractmethod
    def stages(self) -> Sequence[nn.Module]:
        """The modules that hold each stage's parameters, shallow to deep."""

    @property
    def depth(self) -> int:
        """The number of stages with the pooling, which counts as the stage after the last: len(stages()) + 1."""
        return len(self.stages()) + 1

    @abstractmethod
    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        """Run stages start..stop-1 on what stage start takes in: pixels or ids for 0, an activation after that."""

    @abstractmethod
    def pool(self, x: Inputs) -> Tensor:
        """The last stage's activation to features (B, dim); holds no parameters."""

    def forward(self, x: Inputs, start: int = 0) -> Tensor:
        """Features (B, dim); pooling counts as the stage after the last, so that `start` may also lie behind it."""
        return self.between(x, start, self.depth).values

    def between(self, x: Inputs, start: int, stop: int) -> Inputs:
        """Run stages start..stop-1, where pooling is the stage after the last."""
        stages = len(self.stages())
        if start <= stages:
            x = self.run(x, start, min(stop, stages))
        return Inputs(self.pool(x)) if start <= stages < stop else x

    def checkpointing(self, on: bool = True) -> bool:
        """Turn gradient checkpointing on or off; False where the backbone has none."""
        return False

    def described(self) -> list[str]:
        """Lines for a person: how the weights were loaded and how inputs are preprocessed."""
        return [*self.report_lines(), *(f"preprocess: {line}" for line in self.preprocess.lines())]

    def report_lines(self) -> list[str]:
        """How loading the weights went; nothing where none were loaded."""
        return self.report.lines() if self.report else []

    def assets(self) -> dict[str, bytes]:
        """Files beside the weights that are needed to build this backbone again from a run."""
        return {}
