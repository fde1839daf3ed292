"""Answers that are any number of labels for each sample, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tl.metrics import classification
from tl.metrics.calibration import Array, Floats, fit_temperature, sigmoid
from tl.metrics.classification import THRESHOLD
from tl.metrics.evidence import Evidence, classes_in
from tl.metrics.measured import Prior, Scored
from tl.metrics.tables import per_class
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Builder, average_precision


class MeasuredLabels(Scored):
    """`scores` are the probability of each label (n, c), `targets` 0 or 1 (n, c)."""

    metrics: ClassVar[Mapping[str, Builder]] = {
        "macro_f1": classification.macro_f1_multi,
        "micro_f1": classification.micro_f1,
        "map": classification.mean_average_precision,
        "log_loss": classification.log_loss_multi,
        "brier": classification.brier_multi,
    }
    main: ClassVar[str] = "map"
    word: ClassVar[str] = "several labels"

    @classmethod
    def fit_temperature(cls, logits: Array, targets: Array) -> float:
        return fit_temperature(logits, targets, sigmoid)

    @classmethod
    def prior(cls, counts: Floats, samples: int) -> Prior:
        """From how many of so many samples have each label (Jeffreys 1946)."""
        return Prior((counts + 0.5) / (samples + 1), np.zeros(0), np.zeros(0))

    def evidence(self, units: Units) -> Evidence:
        truth = np.asarray(self.targets, np.intp)
        rows, columns = np.nonzero(truth)
        by_samples, by_units = classes_in(np.stack([units[rows], columns], axis=1), len(self.names))
        return Evidence(
            len(self),
            unit_count(units),
            self.names,
            by_samples,
            by_units,
            wrong=int(((self.scores >= THRESHOLD) != truth.astype(bool)).any(axis=1).sum()),
            one_class="only one label occurs",
        )

    def best_constant(self, name: str, prior: Prior) -> Floats:
        """The shares as probabilities; for F1 all labels, or the most frequent ones."""
        if name == "macro_f1":
            return np.ones_like(prior.shares)
        if name == "micro_f1":
            ordered = np.sort(prior.shares)[::-1]
            most = int((np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())).argmax())
            return np.asarray(prior.shares >= ordered[most], np.float64)
        return prior.shares

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each label, as tables.py makes it, with the average precision `ap`.

        MeasuredLabels count as predicted at probability 0.5.
        """
        answer, truth = self.scores >= THRESHOLD, self.targets.astype(bool)
        rows = per_class(self.names, (answer & truth).sum(axis=0), truth.sum(axis=0), answer.sum(axis=0))
        for i, row in enumerate(rows):
            found = average_precision(self.scores[:, i], self.targets[:, i] > 0, np.ones((1, len(self))))
            row["ap"] = float(found[0])
        return rows
