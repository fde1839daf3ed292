"""A class for each pixel, from one confusion matrix for each picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.measured import Measured, Prior
from tl.metrics.weighted import Statistic, mean_defined, ratio

_NO_PIXEL = "no pixel has a known class"
_CATALOGUE = (
    entry("miou", "classes", higher=True, label="mean IoU", undefined=_NO_PIXEL),
    entry("pixel_accuracy", "classes", higher=True, label="pixel accuracy", undefined=_NO_PIXEL),
    entry("mean_class_accuracy", "classes", higher=True, label="mean class accuracy", undefined=_NO_PIXEL),
)


def miou(confusions: Floats) -> Statistic:
    """Intersection over union of each class that occurs or is answered, over the pixels of all pictures; their mean."""

    def value(weights: Floats) -> Floats:
        true, right, answered = _totals(weights, confusions)
        return mean_defined(ratio(right, true + answered - right))

    return value


def pixel_accuracy(confusions: Floats) -> Statistic:
    """The share of the pixels of all pictures with the right class."""

    def value(weights: Floats) -> Floats:
        true, right, _ = _totals(weights, confusions)
        return ratio(right.sum(axis=1), true.sum(axis=1))

    return value


def mean_class_accuracy(confusions: Floats) -> Statistic:
    """The share of the pixels of each class that are right; the mean over the classes that occur."""

    def value(weights: Floats) -> Floats:
        true, right, _ = _totals(weights, confusions)
        return mean_defined(ratio(right, true))

    return value


def _totals(weights: Floats, confusions: Floats) -> tuple[Floats, Floats, Floats]:
    """The true, right and answered pixels (r, c) of each class."""
    summed = np.tensordot(weights, confusions, 1)
    return summed.sum(axis=2), summed.diagonal(axis1=1, axis2=2), summed.sum(axis=1)


@dataclass(frozen=True, eq=False)
class MeasuredPixels(Measured):
    """`confusions[n, i, j]` counts the pixels of picture n whose class is i and that were answered with class j."""

    confusions: Array
    names: Sequence[str]

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "miou": miou,
        "pixel_accuracy": pixel_accuracy,
        "mean_class_accuracy": mean_class_accuracy,
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {**METRICS, **{metric.name: metric for metric in _CATALOGUE}}
    main: ClassVar[str] = "miou"
    word: ClassVar[str] = "a mask"

    def __len__(self) -> int:
        return len(self.confusions)

    @property
    def arrays(self) -> tuple[Floats]:
        return (np.asarray(self.confusions, np.float64),)

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where every pixel is of the class that is the most frequent one elsewhere."""
        constant = np.zeros_like(self.confusions)
        constant[:, :, int(prior.shares.argmax())] = self.confusions.sum(axis=2)
        return replace(self, confusions=constant).statistics([name])[name]

    @staticmethod
    def prior(pixels: Floats) -> Prior:
        """From the pixels of each class (c,) in other pictures."""
        return Prior(pixels / max(1.0, float(pixels.sum())), np.zeros(0), np.zeros(0))

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class: name, support, precision, recall, f1 and iou of its pixels."""
        true, right, answered = (one[0] for one in _totals(np.ones((1, len(self))), self.arrays[0]))
        precision, recall = ratio(right, answered), ratio(right, true)
        f1, iou = ratio(2 * right, true + answered), ratio(right, true + answered - right)
        return [
            {"name": n, "support": int(s), "precision": float(p), "recall": float(r), "f1": float(f), "iou": float(i)}
            for n, s, p, r, f, i in zip(self.names, true, precision, recall, f1, iou, strict=True)
        ]
