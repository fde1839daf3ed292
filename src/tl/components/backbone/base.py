"""What every backbone is: a chain of stages, shallow to deep, that can start and stop between any two stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from tl.batch import Features, Inputs
from tl.components.backbone.loading import LoadReport
from tl.components.preprocess import Preprocess
from tl.errors import TLError
from tl.space import Form


class Backbone(nn.Module, ABC):
    """Inputs to features (B, dim). Each parameter and each buffer belongs to exactly one stage.

    `forms` are the forms of features that it gives beside pooled ones: tokens of texts or maps of pictures. `dims` and
    `strides` are the channels of the map that each stage gives, and the pixels of the picture for each of its places.
    `report` tells which weights were loaded; it is None for a backbone that starts from random weights.
    """

    forms: ClassVar[tuple[Form, ...]] = ("pooled",)
    dim: int
    preprocess: Preprocess
    report: LoadReport | None = None

    @abstractmethod
    def stages(self) -> Sequence[nn.Module]:
        """The modules that hold each stage's parameters, shallow to deep."""

    @property
    def depth(self) -> int:
        """The number of the position behind the pooling: stages + 1, since pooling is the stage after the last."""
        return len(self.stages()) + 1

    @abstractmethod
    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        """Run stages start..stop-1 on the input of stage `start`: pixels or token ids for 0, else an activation."""

    @abstractmethod
    def pool(self, x: Inputs) -> Tensor:
        """The last stage's activation to features (B, dim); pooling has no parameters."""

    @property
    def dims(self) -> tuple[int, ...]:
        """The channels of each stage's map; () where stages give no maps."""
        return ()

    @property
    def strides(self) -> tuple[int, ...]:
        """The pixels, along one side, for a place of each stage's map; () where stages give no maps."""
        return ()

    def grid(self, values: Tensor) -> Tensor:
        """A stage's activation as a map (B, H, W, D), contiguous, in backbones whose `forms` name maps."""
        raise TLError(f"{type(self).__name__} gives no maps, which the task reads: take another backbone.")

    def forward(self, x: Inputs, start: int = 0, stop: int | None = None, taps: Sequence[int] = ()) -> Features:
        """Features (B, dim), or the activation at `stop`; at `start` = depth the inputs are the features already.

        With `taps`, the activations at these positions from `start` on, in their order. While stages learn, this is the
        only way in: hooks of sharding and of `tl replay` hang on it.
        """
        if not taps:
            return self.between(x, start, self.depth if stop is None else stop).values
        found = []
        for tap in taps:
            x, start = self.between(x, start, tap), tap
            found.append(x.values)
        return tuple(found)

    def between(self, x: Inputs, start: int, stop: int) -> Inputs:
        """Run stages start..stop-1, of which pooling may be the last: `stop` may be `depth`."""
        stages = len(self.stages())
        if start <= stages:
            x = self.run(x, start, min(stop, stages))
        return Inputs(self.pool(x)) if start <= stages < stop else x

    def checkpointing(self, on: bool = True) -> bool:
        """Turn gradient checkpointing on or off; returns False where the backbone has none."""
        return False

    def description_lines(self) -> list[str]:
        """Lines for the user: how the weights were loaded and how inputs are preprocessed."""
        return [*self.report_lines(), *(f"preprocess: {line}" for line in self.preprocess.lines())]

    def report_lines(self) -> list[str]:
        """Lines on how loading the weights went; none where the weights are random."""
        return self.report.lines() if self.report else []

    def assets(self) -> dict[str, bytes]:
        """Files, by name, that a run must keep beside the weights so that this backbone can be built again."""
        return {}
