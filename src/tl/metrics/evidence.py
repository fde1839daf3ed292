"""What a split has to rest an interval on, and the reason where that is too little for an interval that keeps its word.

The limits come from scripts/bench/coverage.py, which counts how often intervals hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tl.metrics.calibration import Floats
from tl.metrics.catalogue import Metric

LEAST_UNITS = 10
LEAST_FOR_RANKING = 20
LEAST_FOR_SQUARES = 100
_PAIRS = 2
"""An area under the ROC curve near 1 varies at least as much as a share of so many times the samples and classes."""

_LIGHT_TAILS, _ENOUGH_TO_SEE_TAILS = 4.0, 200


def _nothing() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True)
class Evidence:
    """Counts of a split: samples, independent units, and for each class or label its samples and its units (c,).

    A class occurs where a sample is of that class, or has that label. Of each class, `hits` samples (c,) are answered
    rightly; `wrong` samples have a wrong answer. `kurtosis` is that of the errors of numbers, the largest over the
    columns; 3 is the normal one. `one_class` is what is said where only one of several classes occurs.

    What answers do not have is left out: with no classes, no interval is refused for a rare one; None wrong answers
    are not known, and errors of a kurtosis that is not known count as heavy-tailed.
    """

    samples: int
    units: int
    names: Sequence[str] = ()
    by_samples: Floats = field(default_factory=_nothing)
    by_units: Floats = field(default_factory=_nothing)
    hits: Floats = field(default_factory=_nothing)
    wrong: int | None = None
    kurtosis: float = math.nan
    one_class: str = "only one class occurs"

    @property
    def grouped(self) -> bool:
        """True where several samples belong to one group, so that there are fewer units than samples."""
        return self.units < self.samples

    @property
    def heavy_tails(self) -> bool:
        """True unless the errors are seen to have light tails; fewer than 200 samples cannot show that."""
        return self.samples < _ENOUGH_TO_SEE_TAILS or not self.kurtosis < _LIGHT_TAILS

    def largest_size(self, metric: Metric, of_units: bool) -> float:
        """The number of independent samples that the metric's interval can rest on at most.

        With `of_units`, the number where the metric is perfect and nothing shows how much the units differ: an average
        over c classes with n_i units has the variance of a share of c² / sum(1 / n_i) units.
        """
        if metric.family == "share":
            return self.units if of_units else self.samples
        if not of_units and metric.name != "auroc":
            return math.inf
        if metric.name == "micro_f1":
            return float(self.by_units.sum())
        counts = self.by_units if of_units else self.by_samples
        if not len(counts):
            return self.units if of_units else math.inf
        present = counts[counts > 0]
        size = float(len(present) ** 2 / (1 / present).sum())
        return size if of_units else _PAIRS * len(present) * size

    def reason_against(self, metric: Metric) -> str:
        """Why the metric gets no interval, in a few words; '' where the split holds enough."""
        if metric.family == "bias":
            return "its bias depends on the sample"
        few = self.few_units()
        if few and (self.grouped or metric.family != "share"):
            return few
        if rare := self.rare_class(metric):
            return rare
        if metric.family == "loss" and self.wrong == 0:
            return "no prediction is wrong"
        if metric.name == "rmse" and self.samples < LEAST_FOR_SQUARES:
            return f"fewer than {LEAST_FOR_SQUARES} samples, and it hangs on the few largest errors"
        return ""

    def few_units(self) -> str:
        """How many independent units there are, where these are too few to tell how much they differ; else ''."""
        return f"only {_counted(self.units, self._unit)}" if self.units < LEAST_UNITS else ""

    @property
    def _unit(self) -> str:
        return "group" if self.grouped else "sample"

    @property
    def fragile(self) -> str:
        """The reason where a metric is undefined on a resample."""
        return f"not defined without one {self._unit}"

    def rare_class(self, metric: Metric) -> str:
        """The rarest class, where the uncertainty of an average over the classes rests on too few of its units.

        Its degrees of freedom are counted as Satterthwaite does (1946): those of a sum of variances 1 / n_i. '' where
        they suffice, and for a metric that is no such average.
        """
        if not len(self.by_units) or metric.family not in ("recalls", "classes", "association"):
            return ""
        if len(self.names) > 1 == int((self.by_units > 0).sum()) and metric.name != "micro_f1":
            return self.one_class
        if not self._too_rare(metric):
            return ""
        rarest = int(np.where(self.by_units > 0, self.by_units, np.inf).argmin())
        name, amount = self.names[rarest], int(self.by_units[rarest])
        if self.grouped:
            return f"'{name}' occurs in only {_counted(amount, 'group')}"
        return f"only {_counted(amount, 'sample')} of '{name}'"

    def _too_rare(self, metric: Metric) -> bool:
        if metric.name == "micro_f1":
            return bool(self.by_units.sum() < LEAST_UNITS)
        present = self.by_units[self.by_units > 0]
        if not len(present):
            return True
        variances = 1 / present
        freedom = variances.sum() ** 2 / (variances**3).sum()
        one_class = variances.max() > variances.sum() / 2 and present.min() < LEAST_UNITS
        return bool(freedom < (LEAST_FOR_RANKING if metric.name == "map" else LEAST_UNITS) or one_class)


def _counted(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def classes_in(cells: NDArray[np.intp], size: int) -> tuple[Floats, Floats]:
    """The samples and the units (c,) of each of `size` classes, from pairs (unit, class) with one for each sample."""
    by_samples = np.bincount(cells[:, 1], minlength=size).astype(np.float64)
    return by_samples, np.bincount(np.unique(cells, axis=0)[:, 1], minlength=size).astype(np.float64)
