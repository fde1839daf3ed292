"""What a split has to rest an interval on, and the reason where that is too little for an interval that keeps its word.

The limits come from scripts/bench/coverage.py, which counts how often intervals hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import Metric
from tl.metrics.classification import THRESHOLD
from tl.metrics.jackknife import Units
from tl.space import Kind

LEAST_UNITS = 10
LEAST_FOR_RANKING = 20
LEAST_FOR_SQUARES = 100
_PAIRS = 2
"""An area under the ROC curve near 1 varies at least as much as a share of so many times the samples and classes."""

_LIGHT_TAILS, _ENOUGH_TO_SEE_TAILS = 4.0, 200


@dataclass(frozen=True)
class Evidence:
    """Counts of a split: samples, independent units, and for each class or label its samples and its units (c,).

    A class occurs where a sample is of that class, or has that label. Of each class, `hits` samples (c,) are answered
    rightly; `wrong` samples have a wrong answer. `kurtosis` is that of the errors of numbers, the largest over the
    columns; 3 is the normal one.
    """

    names: Sequence[str]
    samples: int
    units: int
    by_samples: Floats
    by_units: Floats
    hits: Floats
    wrong: int = 0
    kurtosis: float = 0.0

    @classmethod
    def of(cls, kind: Kind, scores: Array, targets: Array, names: Sequence[str], units: Units) -> Evidence:
        """The counts of samples with these scores and targets; `units` are numbered from 0."""
        n, count, nothing = len(targets), int(units.max(initial=-1)) + 1, np.zeros(0)
        if kind == "number":
            squares = (np.asarray(scores, np.float64) - targets) ** 2
            with np.errstate(all="ignore"):
                kurtosis = n * (squares**2).sum(axis=0) / squares.sum(axis=0) ** 2
            return cls(names, n, count, nothing, nothing, nothing, kurtosis=float(kurtosis.max(initial=0.0)))
        truth = np.asarray(targets, np.intp)
        if kind == "single":
            cells = np.stack([units, truth], axis=1)
            right = truth[scores.argmax(axis=1) == truth] if n else truth
            hits, wrong = np.bincount(right, minlength=len(names)).astype(np.float64), n - len(right)
        else:
            rows, columns = np.nonzero(truth)
            cells, hits = np.stack([units[rows], columns], axis=1), nothing
            wrong = int(((scores >= THRESHOLD) != truth.astype(bool)).any(axis=1).sum())
        size = len(names)
        by_samples = np.bincount(cells[:, 1], minlength=size).astype(np.float64)
        by_units = np.bincount(np.unique(cells, axis=0)[:, 1], minlength=size).astype(np.float64)
        return cls(names, n, count, by_samples, by_units, hits, wrong)

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
        if metric.family == "loss" and not self.wrong:
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
        if metric.family not in ("recalls", "classes", "association"):
            return ""
        if len(self.names) > 1 == int((self.by_units > 0).sum()) and metric.name != "micro_f1":
            return "all samples are of one class" if len(self.hits) else "only one label occurs"
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
