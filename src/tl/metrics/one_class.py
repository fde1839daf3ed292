"""Answers that are one class for each sample, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tl.errors import TLError
from tl.metrics import classification
from tl.metrics.calibration import Array, Floats, fit_temperature, softmax
from tl.metrics.evidence import Evidence, classes_in
from tl.metrics.measured import Prior, Scored
from tl.metrics.tables import per_class
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Builder, Statistic, mean_defined, ratio

_TOP = 5


class MeasuredClasses(Scored):
    """`scores` are probabilities (n, c), `targets` the true classes (n,)."""

    metrics: ClassVar[Mapping[str, Builder]] = {
        "accuracy": classification.accuracy,
        "top5": classification.top5,
        "balanced_accuracy": classification.balanced_accuracy,
        "macro_f1": classification.macro_f1_single,
        "auroc": classification.auroc,
        "mcc": classification.mcc,
        "log_loss": classification.log_loss_single,
        "brier": classification.brier_single,
        "ece": classification.expected_calibration_error,
    }
    main: ClassVar[str] = "accuracy"
    word: ClassVar[str] = "one class"

    @classmethod
    def metric_names(cls, outputs: int | None = None) -> list[str]:
        """As `Measured.metric_names`; of up to five classes, the true one is always among the first five."""
        few = outputs is not None and outputs <= _TOP
        return [name for name in cls.metrics if not (few and name == "top5")]

    @classmethod
    def check_metric(cls, name: str, outputs: int | None = None) -> None:
        known = cls.metric_names(outputs)
        if name in cls.metrics and name not in known:
            raise TLError(f"'{name}' is always 1 for {outputs} classes. There is: {', '.join(known)}.", code="E052")
        super().check_metric(name, outputs)

    @classmethod
    def fit_temperature(cls, logits: Array, targets: Array) -> float:
        return fit_temperature(logits, np.eye(logits.shape[1])[targets], softmax)

    @classmethod
    def prior(cls, counts: Floats, samples: int) -> Prior:
        """From how many of so many samples are of each class (Jeffreys 1946)."""
        return Prior((counts + 0.5) / (samples + 0.5 * len(counts)), np.zeros(0), np.zeros(0))

    @property
    def arrays(self) -> tuple[Floats, Array]:
        return np.asarray(self.scores, np.float64), np.asarray(self.targets, np.int64)

    def evidence(self, units: Units) -> Evidence:
        n, truth = len(self), np.asarray(self.targets, np.intp)
        by_samples, by_units = classes_in(np.stack([units, truth], axis=1), len(self.names))
        right = truth[self.scores.argmax(axis=1) == truth] if n else truth
        return Evidence(
            n,
            unit_count(units),
            self.names,
            by_samples,
            by_units,
            hits=np.bincount(right, minlength=len(self.names)).astype(np.float64),
            wrong=n - len(right),
            one_class="all samples are of one class",
        )

    def best_constant(self, name: str, prior: Prior) -> Floats:
        """The shares as probabilities, of which the highest is the most frequent class."""
        return prior.shares

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """As `Measured.guess`; for macro F1, answers drawn by the shares, which are better than any one class."""
        if name == "macro_f1":
            return _drawn_by_shares(prior.shares, np.asarray(self.targets, np.intp))
        return super().guess(name, prior)

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class, as tables.py makes it."""
        truth, answer, size = self.targets.astype(np.int64), self.scores.argmax(axis=1), len(self.names)
        counts = (np.bincount(some, minlength=size) for some in (truth[truth == answer], truth, answer))
        return per_class(self.names, *counts)


def _drawn_by_shares(shares: Floats, targets: Array) -> Statistic:
    """The macro F1 that answers drawn by the shares are expected to have, from their expected counts."""
    true = np.eye(len(shares))[targets]

    def value(weights: Floats) -> Floats:
        support = weights @ true
        predicted = weights.sum(axis=1, keepdims=True) * shares
        return mean_defined(np.where(support > 0, ratio(2 * support * shares, support + predicted), np.nan))

    return value
