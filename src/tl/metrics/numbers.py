"""Answers that are numbers, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tl.metrics import regression
from tl.metrics.calibration import Floats
from tl.metrics.evidence import Evidence
from tl.metrics.measured import Prior, Scored
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Builder


class MeasuredNumbers(Scored):
    """`scores` are the predictions (n, k), `targets` the true numbers (n, k)."""

    metrics: ClassVar[Mapping[str, Builder]] = {
        "mae": regression.mae,
        "rmse": regression.rmse,
        "r2": regression.r2,
        "pearson": regression.pearson,
        "spearman": regression.spearman,
    }
    main: ClassVar[str] = "mae"
    word: ClassVar[str] = "numbers"

    @classmethod
    def prior(cls, targets: Floats) -> Prior:
        """From the numbers (n, k) of other samples."""
        return Prior(np.zeros(0), targets.mean(axis=0), np.median(targets, axis=0))

    def evidence(self, units: Units) -> Evidence:
        n, squares = len(self), (np.asarray(self.scores, np.float64) - self.targets) ** 2
        with np.errstate(all="ignore"):
            kurtosis = n * (squares**2).sum(axis=0) / squares.sum(axis=0) ** 2
        return Evidence(n, unit_count(units), self.names, kurtosis=float(kurtosis.max(initial=0.0)))

    def best_constant(self, name: str, prior: Prior) -> Floats:
        """The median for absolute errors, else the mean."""
        return prior.median if name == "mae" else prior.mean
