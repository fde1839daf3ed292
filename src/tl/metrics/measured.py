"""What metrics see of judged samples: what was answered and what is true, by the type of answer.

Each type of answer is a class of its own, which says what its metrics are and how they are computed (one_class.py,
labels.py, numbers.py). Intervals, standard errors and comparisons take any of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from tl.errors import TLError, nearest
from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric
from tl.metrics.evidence import Evidence
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Statistic


@dataclass(frozen=True)
class Prior:
    """What is known of the true answers without the judged samples.

    `shares` are those of the classes or labels (c,), none of them 0 or 1; `mean` and `median` (k,) those of numbers.
    """

    shares: Floats
    mean: Floats
    median: Floats

    @classmethod
    def of_nothing(cls) -> Prior:
        """Where guesses need not know anything."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(0))


class Measured(ABC):
    """The answers to n judged samples, and the truth.

    `metrics` has the names of the metrics in the order in which they are shown, and the function of each from `arrays`
    to a Statistic of these samples. `catalogue` describes them; a type with metrics of its own adds them to METRICS
    there. `main` is the metric that picks the best checkpoint unless the recipe names another. `word` is what each
    sample has, as messages say it.
    """

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]]
    catalogue: ClassVar[Mapping[str, Metric]] = METRICS
    main: ClassVar[str]
    word: ClassVar[str]

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples."""

    @property
    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """What the functions in `metrics` take, sample by sample."""

    @property
    def outputs(self) -> int | None:
        """The number of outputs that the answers have; None where this decides nothing."""
        return None

    @property
    def broken(self) -> str:
        """Why no metric at all has a value, after "not defined because"; '' where there is no such reason."""
        return "" if len(self) else "there are no samples"

    @classmethod
    def metric_names(cls, outputs: int | None = None) -> list[str]:
        """The names of the metrics of answers with so many outputs (None: their number is not known)."""
        return list(cls.metrics)

    @classmethod
    def check_metric(cls, name: str, outputs: int | None = None) -> None:
        """TLError where no metric of such answers has this name."""
        known = cls.metric_names(outputs)
        if name not in known:
            text = f"'{name}' is no metric of {cls.word}.{nearest(name, known)} There is: {', '.join(known)}."
            raise TLError(text, code="E052")

    @classmethod
    def fit_temperature(cls, logits: Array, targets: Array) -> float:
        """The temperature for these logits that gives the lowest log loss; 1 where answers are no probabilities."""
        return 1.0

    def statistics(self, only: Iterable[str] | None = None) -> dict[str, Statistic]:
        """The metrics that `only` names (None: all of them), each as a function of sample weights for these samples.

        Where `broken` gives a reason, these functions give nan.
        """
        chosen = self.metric_names(self.outputs) if only is None else list(only)
        for name in chosen:
            self.check_metric(name)
        if self.broken:
            return {name: lambda weights: np.full(len(weights), np.nan) for name in chosen}
        arrays = self.arrays
        return {name: self.metrics[name](*arrays) for name in chosen}

    def why_undefined(self, name: str) -> str:
        """Why a metric has no value, after "not defined because"; given that it has none."""
        return self.broken or self.catalogue[name].undefined

    def evidence(self, units: Units) -> Evidence:
        """What these samples, in independent `units` (n,), have to rest an interval on; by default only their number.

        A type of answer that knows of classes, of wrong answers or of errors adds what Evidence has fields for.
        """
        return Evidence(len(self), unit_count(units))

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric of the best guess for it, as a function of sample weights; None where no guess is the best one."""
        blind = self.catalogue[name].blind
        return None if blind is None else lambda weights: np.full(len(weights), blind)


@dataclass(frozen=True, eq=False)
class Scored(Measured):
    """Answers with a column of scores for each of the outputs' `names`: `scores` (n, c), `targets` (n,) or (n, c)."""

    scores: Array
    targets: Array
    names: Sequence[str]

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.targets), len(self.names)):
            shapes = f"scores are {self.scores.shape} for {len(self.targets)} targets and {len(self.names)} names"
            raise ValueError(shapes)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def arrays(self) -> tuple[Floats, Array]:
        return np.asarray(self.scores, np.float64), np.asarray(self.targets, np.float64)

    @property
    def outputs(self) -> int:
        return len(self.names)

    @property
    def broken(self) -> str:
        if not self.scores.size:
            return "there are no samples"
        return "" if np.isfinite(self.scores).all() else "an output of the model is not finite"

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class or label, as tables.py makes it; none for answers without classes."""
        return []

    @abstractmethod
    def best_constant(self, name: str, prior: Prior) -> Floats:
        """The scores (c,) with which one answer to all samples is best in a metric."""

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """As `Measured.guess`: the best constant answer, which no metric has whose bias depends on the sample."""
        metric = self.catalogue[name]
        if metric.family == "bias" or metric.blind is not None:
            return super().guess(name, prior)
        row = self.best_constant(name, prior)
        return replace(self, scores=np.broadcast_to(row, (len(self), len(row)))).statistics([name])[name]


def compute_metrics(measured: Measured, only: Iterable[str] | None = None) -> dict[str, float]:
    """The values of the metrics that `only` names (None: all of them); nan where a metric is undefined.

    Classes that are absent from the targets are left out of balanced_accuracy, auroc and map; constant columns are left
    out of r2, pearson and spearman. NumPy gives no warning.
    """
    with np.errstate(all="ignore"):
        ones = np.ones((1, len(measured)))
        return {name: float(value(ones)[0]) for name, value in measured.statistics(only).items()}
