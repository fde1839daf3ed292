"""One number or several for each sample."""

from __future__ import annotations

from typing import ClassVar, final

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import moments
from tl.components.sample import Samples
from tl.components.task.numeric import Numeric
from tl.metrics import numbers as metrics
from tl.metrics.measured import Scored
from tl.report.words import clean
from tl.space import Form, Kind, Space


@final
class Regression(Numeric):
    """The squared error of the numbers in training standard deviations, which is a normal distribution's likelihood."""

    takes: ClassVar[str] = "number"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "number"
    reads: ClassVar[Form] = "pooled"
    word: ClassVar[str] = "numbers"
    noun: ClassVar[str] = "numbers"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    weighs: ClassVar[bool] = False
    measures: ClassVar[type[Scored]] = metrics.MeasuredNumbers

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("number", names, *moments(train))
        return self.space

    def skill(self) -> str:
        names = self.space.names
        return f"predict {clean(names[0]) if len(names) == 1 else f'{len(names)} numbers'}"
