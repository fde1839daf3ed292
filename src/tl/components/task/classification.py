"""One class for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import class_weights, coded_targets
from tl.components.sample import Samples, Target
from tl.components.task.base import Common, Task
from tl.errors import TLError
from tl.family import LossOptions
from tl.space import Kind, Space


@final
class Classification(Task):
    """Softmax over the classes and cross entropy, with label smoothing and focal loss where asked for."""

    takes: ClassVar[str] = "single"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "single"
    reads: ClassVar[Literal["pooled"]] = "pooled"
    word: ClassVar[str] = "one class"
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    unknown = -1

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))

    def check_enough(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            only = f"'{names[0]}'" if names else "none"
            raise TLError(f"The training samples have a single class ({only}): at least two are needed to tell apart.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        weights = class_weights(names, train) if common["balance"] == "weights" else ()
        self.space = Space("single", names, class_weights=weights)
        return self.space

    def targets(self, samples: Samples) -> npt.NDArray[Any]:
        """Class numbers, int64 (n,); -1 for a sample without a class."""
        return coded_targets(samples, self._number, none=-1, dtype=np.int64)

    def _number(self, target: Target) -> int:
        self.check_known(target)
        return self.space.names.index(str(target))
