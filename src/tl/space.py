"""The output space: what a model predicts, and the one label map that all splits share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["single", "multi", "number"]


@dataclass(frozen=True)
class Space:
    """What a head predicts: one class, several labels, or numbers.

    `names` are the classes (single, multi) or the target columns (number), in output order. `mean` and `std` of the
    training targets are set for numbers only. `class_weights` (mean 1 over the training samples) weigh the loss.
    """

    kind: Kind
    names: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    class_weights: tuple[float, ...] = ()

    @property
    def dim(self) -> int:
        return len(self.names)
