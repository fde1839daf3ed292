"""Whole spans of texts with their class, from counts of each text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.measured import Measured, Prior
from tl.metrics.weighted import Statistic, mean_defined, ratio

TRUE, RIGHT, ANSWERED = 0, 1, 2
_NO_SPAN = "no span occurs or is answered"
_CATALOGUE = (
    entry("span_f1", "classes", higher=True, label="span F1", undefined=_NO_SPAN),
    entry("macro_span_f1", "classes", higher=True, label="macro span F1", undefined=_NO_SPAN),
    entry("span_precision", "classes", higher=True, label="span precision", undefined="no span is answered"),
    entry("span_recall", "classes", higher=True, label="span recall", undefined="no span occurs"),
    entry("word_accuracy", "classes", higher=True, label="word accuracy"),
)


def span_f1(spans: Floats, words: Floats) -> Statistic:
    """2 right / (true + answered) over all spans; a span is right where begin, end and class are (CoNLL 2003)."""
    return lambda weights: ratio(2 * _total(weights, spans, RIGHT), _total(weights, spans, TRUE, ANSWERED))


def macro_span_f1(spans: Floats, words: Floats) -> Statistic:
    """The mean of the F1 of each class that occurs or is answered."""

    def value(weights: Floats) -> Floats:
        true, right, answered = (weights @ spans[:, row] for row in (TRUE, RIGHT, ANSWERED))
        return mean_defined(ratio(2 * right, true + answered))

    return value


def span_precision(spans: Floats, words: Floats) -> Statistic:
    """The share of the answered spans that are right."""
    return lambda weights: ratio(_total(weights, spans, RIGHT), _total(weights, spans, ANSWERED))


def span_recall(spans: Floats, words: Floats) -> Statistic:
    """The share of the true spans that are found."""
    return lambda weights: ratio(_total(weights, spans, RIGHT), _total(weights, spans, TRUE))


def word_accuracy(spans: Floats, words: Floats) -> Statistic:
    """The share of the words with the right tag, most of which are outside of all spans."""
    return lambda weights: ratio(weights @ words[:, 1], weights @ words[:, 0])


def _total(weights: Floats, spans: Floats, *rows: int) -> Floats:
    found: Floats = weights @ spans[:, list(rows)].sum(axis=(1, 2))
    return found


@dataclass(frozen=True, eq=False)
class MeasuredSpans(Measured):
    """Counts of each text: `spans` (n, 3, c) the true, right and answered ones of each class.

    `words` (n, 3) are all words, those with the right tag, and those outside of all true spans; `alone` (n, c) are the
    true spans of one word.
    """

    spans: Array
    words: Array
    alone: Array
    names: Sequence[str]

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "span_f1": span_f1,
        "macro_span_f1": macro_span_f1,
        "span_precision": span_precision,
        "span_recall": span_recall,
        "word_accuracy": word_accuracy,
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {**METRICS, **{metric.name: metric for metric in _CATALOGUE}}
    main: ClassVar[str] = "span_f1"
    word: ClassVar[str] = "marked spans"

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def arrays(self) -> tuple[Floats, Floats]:
        return np.asarray(self.spans, np.float64), np.asarray(self.words, np.float64)

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where every word is outside, or else marked by itself as the class that this suits best."""
        if name == "word_accuracy":
            return replace(self, words=self.words[:, [0, 2, 2]]).statistics([name])[name]
        best = int(prior.shares.argmax())
        spans = np.zeros_like(self.spans)
        spans[:, TRUE] = self.spans[:, TRUE]
        spans[:, RIGHT, best], spans[:, ANSWERED, best] = self.alone[:, best], self.words[:, 0]
        return replace(self, spans=spans).statistics([name])[name]

    @staticmethod
    def prior(true: Floats, alone: Floats, words: float) -> Prior:
        """The F1 (c,) of marking every word of other texts as a class: of their true spans, so many are of one word."""
        return Prior(2 * alone / max(1.0, float(true.sum()) + words), np.zeros(0), np.zeros(0))

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class: name, support, precision, recall and f1 of its spans."""
        true, right, answered = self.arrays[0].sum(axis=0)
        precision, recall, f1 = ratio(right, answered), ratio(right, true), ratio(2 * right, true + answered)
        return [
            {"name": n, "support": int(s), "precision": float(p), "recall": float(r), "f1": float(f)}
            for n, s, p, r, f in zip(self.names, true, precision, recall, f1, strict=True)
        ]
