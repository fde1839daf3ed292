"""Samples of one class, found among all others of a split by the cosines of their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.embeddings import MeasuredEmbeddings
from tl.metrics.matches import RECALLS
from tl.metrics.measured import Prior
from tl.metrics.weighted import Statistic, ratio

NEIGHBOURS = 5
_CELLS = 2**24
_DIGITS = 6
_ALONE = "no class has two samples"


Asked = Callable[[Array, Array], Floats]
"""From the classes of the nearest others (n, k) and the own class (n,) to a value for each sample (n,)."""


def vote(near: Array, labels: Array) -> Floats:
    """1 where most of the nearest others have the own class; where several classes have as many, the own one's part."""
    counts = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    most = counts.max(axis=1, initial=1)
    first = counts == most[:, None]
    # Each class with the most votes holds so many of the neighbours, so that these count the classes.
    won: Floats = (first & (near == labels[:, None])).any(axis=1) / np.maximum(first.sum(axis=1) / most, 1)
    return won


def found(near: Array, labels: Array) -> Floats:
    """1 where one of the nearest others has the own class."""
    one: Floats = (near == labels[:, None]).any(axis=1).astype(np.float64)
    return one


def over_neighbours(value: Asked, most: int) -> Callable[[Floats, Array], Statistic]:
    """The mean of a value over the samples of whose class there is another one.

    Weights say which samples are there, and how often each is asked: one with the weight 0 is nobody's neighbour. So
    the error of the metric counts that samples are neighbours of each other. It is too large rather than too small: by
    a half in simulations (tests/metrics/test_neighbours.py), where with all neighbours kept it is a quarter too small.
    """

    def builder(embeddings: Floats, labels: Array) -> Statistic:
        lists: dict[int, Array] = {}

        def value_of(weights: Floats) -> Floats:
            gone = int((weights == 0).sum(axis=1).max(initial=0))
            if gone not in lists:
                lists[gone] = nearest_others(embeddings, most + gone)
            return np.array([one(row, lists[gone]) for row in weights])

        def one(weights: Floats, near: Array) -> float:
            there = weights > 0
            kept = np.argsort(~there[near], axis=1, kind="stable")[:, : min(most, int(there.sum()) - 1)]
            values = value(labels[np.take_along_axis(near, kept, axis=1)], labels)
            asked = weights * (np.bincount(labels[there], minlength=int(labels.max()) + 1)[labels] > 1)
            return float(ratio(asked @ values, asked.sum()))

        return value_of

    return builder


def nearest_others(embeddings: Floats, most: int) -> npt.NDArray[np.intp]:
    """The numbers of the `most` nearest others of each sample (n, most), the nearest first.

    `embeddings` (n, d) have the length 1. Others that are as near as each other come in a random order.
    """
    n = len(embeddings)
    most, order = min(most, max(0, n - 1)), np.random.default_rng(0).permutation(n)
    found = np.zeros((n, most), dtype=np.intp)
    step = max(1, _CELLS // max(1, n))
    for start in range(0, n, step) if most else ():
        rows = np.arange(start, min(start + step, n))
        cosines = np.round(embeddings[rows] @ embeddings.T, _DIGITS)
        cosines[rows - start, rows] = -np.inf
        far = -cosines[:, order]
        some = np.sort(np.argpartition(far, most - 1, axis=1)[:, :most], axis=1)
        nearest = np.take_along_axis(some, np.take_along_axis(far, some, 1).argsort(axis=1, kind="stable"), 1)
        found[rows] = order[nearest]
    return found


@dataclass(frozen=True, eq=False)
class MeasuredNeighbours(MeasuredEmbeddings):
    """`embeddings` (n, d), and the numbers (n,) of the classes, whose `names` are these."""

    labels: Array
    names: Sequence[str]

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "knn_accuracy": over_neighbours(vote, NEIGHBOURS),
        "recall_at_1": over_neighbours(found, 1),
        "recall_at_5": over_neighbours(found, 5),
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {
        **METRICS,
        "knn_accuracy": entry("knn_accuracy", "classes", higher=True, label="kNN accuracy", undefined=_ALONE),
        **{metric.name: metric for metric in RECALLS},
    }
    main: ClassVar[str] = "knn_accuracy"
    word: ClassVar[str] = "one class"

    @property
    def arrays(self) -> tuple[Floats, Array]:
        return self.directions, np.asarray(self.labels, np.int64)

    def _mean(self, values: Array) -> Statistic:
        """The mean over the samples whose class has another sample in the split."""
        labels = np.asarray(self.labels, np.int64)
        defined = (np.bincount(labels)[labels] > 1).astype(np.float64)
        return lambda weights: ratio(weights @ (values * defined), weights @ defined)

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where neighbours are drawn at random; the kNN accuracy of the most frequent class."""
        labels = np.asarray(self.labels, np.int64)
        if name == "knn_accuracy":
            return self._mean(labels == int(prior.shares.argmax()))
        others, own = len(labels) - 1, np.bincount(labels)[labels] - 1
        drawn = np.arange(min(int(name.rpartition("_")[2]), others))[:, None]
        missed = ((others - own - drawn) / np.maximum(others - drawn, 1)).clip(0.0).prod(axis=0)
        return self._mean(1 - missed)

    def nearest(self) -> npt.NDArray[np.intp]:
        """The nearest others of each sample (n, 5)."""
        return nearest_others(self.arrays[0], NEIGHBOURS)

    def voted(self) -> npt.NDArray[np.intp]:
        """The class (n,) that most of the nearest others have; of several, that of the nearest."""
        near = np.asarray(self.labels, np.intp)[self.nearest()]
        counts = (near[:, :, None] == near[:, None, :]).sum(axis=2)
        return np.take_along_axis(near, counts.argmax(axis=1)[:, None], axis=1)[:, 0]
