"""One number or several for each sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, final

import numpy as np
import numpy.typing as npt

from tl.components.columns import Numbers
from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import SplitLists, moments
from tl.components.sample import Samples
from tl.components.task.base import Task
from tl.errors import TLError
from tl.family import LossOptions
from tl.space import Kind, Space


@final
class Regression(Task):
    """The squared error of the numbers in training standard deviations, which is a normal distribution's likelihood."""

    takes: ClassVar[str] = "number"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "number"
    reads: ClassVar[Literal["pooled"]] = "pooled"
    word: ClassVar[str] = "numbers"
    noun: ClassVar[str] = "numbers"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    unknown = math.nan

    def __init__(self) -> None:
        super().__init__(LossOptions())

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        raise TLError("data.classes chooses classes, but the targets here are numbers: set data.classes=null.")

    def classes(self, splits: SplitLists, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
        return tuple(columns)

    def check_enough(self, names: Sequence[str]) -> None:
        pass

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("number", names, *moments(train))
        return self.space

    def targets(self, samples: Samples) -> npt.NDArray[Any]:
        """The numbers in raw units, float64 (n, K); zeros for a sample without them."""
        match samples.targets:
            case Numbers() as numbers:
                return np.where(numbers.known[:, None], numbers.values, 0.0)
        return np.zeros((len(samples), self.space.dim))
