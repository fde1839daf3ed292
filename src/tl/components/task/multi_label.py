"""Any number of labels for each sample, each on or off by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import coded_targets, label_weights, with_labels
from tl.components.sample import Samples, Target
from tl.components.task.base import Common, Task
from tl.errors import TLError
from tl.family import LossOptions
from tl.space import Kind, Space


@final
class MultiLabel(Task):
    """A sigmoid and the binary cross entropy for each label, with label smoothing and focal loss where asked for."""

    takes: ClassVar[str] = "multi"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "multi"
    reads: ClassVar[Literal["pooled"]] = "pooled"
    word: ClassVar[str] = "several labels"
    noun: ClassVar[str] = "label"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    unknown = math.nan

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """The samples, each with those of its labels that are chosen; TLError for an unknown label."""
        return with_labels(samples, classes)

    def check_enough(self, names: Sequence[str]) -> None:
        if not names:
            raise TLError("No training sample has any label: check data.labels or data.label_columns.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        weights = label_weights(names, train) if common["balance"] == "weights" else ()
        self.space = Space("multi", names, label_weights=weights)
        return self.space

    def targets(self, samples: Samples) -> npt.NDArray[Any]:
        """0 or 1 for each label, float32 (n, C); zeros for a sample without known labels."""
        return coded_targets(samples, self._row, none=[0.0] * self.space.dim, dtype=np.float32)

    def _row(self, target: Target) -> list[float]:
        self.check_known(target)
        return [float(name in (target or ())) for name in self.space.names]
