"""Boxes in pictures, judged as COCO does: by class, by score, and by how much a found box overlaps a true one.

What is found in a picture is matched with what is there once (`matched`), since that does not depend on the weights of
pictures. A metric then sorts all boxes of a class by their scores, and weighs each by its picture.
Shapes: n pictures, r rows of weights, k boxes found in a picture, m true ones, c classes, t overlaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.evidence import Evidence, classes_in
from tl.metrics.measured import Measured, Prior
from tl.metrics.overlaps import MOST_FOUND, NOT_JUDGED, OVERLAPS, RIGHT, WRONG, Answered, Found, Truth, matched, overlap
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Statistic, mean_defined, ratio

_RECALLS = np.linspace(0.0, 1.0, 101)
_HALF, _THREE_QUARTERS = slice(0, 1), slice(5, 6)
_ALL = slice(None)
_CELLS = 2**22
_CANDIDATES = 400
_AT_ONCE = 1 << 14
"""So many true boxes are compared with the candidates at once."""
_NO_BOX = "no picture has a box that is judged"
_CATALOGUE = (
    entry("box_map", "classes", higher=True, label="mAP 50-95", undefined=_NO_BOX),
    entry("box_map50", "classes", higher=True, label="mAP 50", undefined=_NO_BOX),
    entry("box_map75", "classes", higher=True, label="mAP 75", undefined=_NO_BOX),
    entry("box_recall", "classes", higher=True, label="box recall", undefined=_NO_BOX),
)


def box_map(boxes: _Sorted) -> Statistic:
    """The mean of the average precision over classes, and over overlaps of .5, .55, ... .95 (Lin et al. 2014)."""
    return _mean_of(boxes, _precision, _ALL)


def box_map50(boxes: _Sorted) -> Statistic:
    """The mean over classes of the average precision where an overlap of one half is enough."""
    return _mean_of(boxes, _precision, _HALF)


def box_map75(boxes: _Sorted) -> Statistic:
    """The mean over classes of the average precision where an overlap of three quarters is enough."""
    return _mean_of(boxes, _precision, _THREE_QUARTERS)


def box_recall(boxes: _Sorted) -> Statistic:
    """The share of the true boxes that are found, whatever the score; the mean over classes and overlaps."""
    return _mean_of(boxes, _reached, _ALL)


class _Class(NamedTuple):
    """All found boxes of a class by falling score: the picture of each, its `hits`; and the true ones by picture."""

    pictures: Array
    hits: Array
    true: Floats


_Sorted = Sequence[_Class]
_Judge = Callable[[Floats, Floats, Floats], Floats]


def _mean_of(boxes: _Sorted, judge: _Judge, columns: slice) -> Statistic:
    """The mean over classes and overlaps of what `judge` makes of weights (r, k) that are right and wrong."""

    def value(weights: Floats) -> Floats:
        return np.concatenate([np.zeros(0), *(_values(rows) for rows in _pieces(weights, boxes))])

    def _values(weights: Floats) -> Floats:
        found = []
        for one in boxes:
            each, total = weights.take(one.pictures, axis=1), weights @ one.true
            hits = one.hits[:, columns].T
            found += [judge(each * (column == RIGHT), each * (column == WRONG), total) for column in hits]
        return mean_defined(np.stack(found, axis=-1)) if found else np.full(len(weights), np.nan)

    return value


def _pieces(weights: Floats, boxes: _Sorted) -> Iterator[Floats]:
    """The rows of weights in pieces that leave enough memory."""
    most = max((len(one.pictures) for one in boxes), default=1)
    step = max(1, _CELLS // max(1, most))
    return (weights[first : first + step] for first in range(0, len(weights), step))


def _precision(right: Floats, wrong: Floats, total: Floats) -> Floats:
    """Average precision (r,): the mean over 101 recalls of the best precision at this recall or a higher one."""
    hits, misses = right.cumsum(axis=1), wrong.cumsum(axis=1)
    recall = ratio(hits, np.broadcast_to(total[:, None], hits.shape))
    precision = np.nan_to_num(ratio(hits, hits + misses))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    places = np.array([np.searchsorted(row, _RECALLS) for row in recall]).reshape(len(recall), len(_RECALLS))
    means: Floats = np.take_along_axis(padded, places, axis=1).mean(axis=1)
    return np.where(total > 0, means, np.nan)


def _reached(right: Floats, wrong: Floats, total: Floats) -> Floats:
    return ratio(right.sum(axis=1), total)


def _alike(sides: Floats, classes: Array, some: Array, others: Array | slice) -> Array:
    """Whether boxes overlap others of their class by half."""
    those = sides[others]
    near: Array = overlap(sides[some], those, np.zeros(len(those), bool)) >= OVERLAPS[0]
    same: Array = near & (classes[some, None] == classes[None, others])
    return same


@dataclass(frozen=True, eq=False)
class MeasuredBoxes(Measured):
    """What was found and what is there in each picture, and the names of the classes.

    `sure` is the least score of a box that counts as an answer in the table of classes; metrics take them all. `finite`
    is False where an output of the model was not.
    """

    answers: Sequence[Answered]
    names: Sequence[str]
    sure: float
    finite: bool = True

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "box_map": box_map,
        "box_map50": box_map50,
        "box_map75": box_map75,
        "box_recall": box_recall,
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {**METRICS, **{metric.name: metric for metric in _CATALOGUE}}
    main: ClassVar[str] = "box_map"
    word: ClassVar[str] = "boxes"

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def broken(self) -> str:
        return super().broken or ("" if self.finite else "an output of the model is not finite")

    @property
    def found(self) -> list[Found]:
        return [one.found for one in self.answers]

    @property
    def true(self) -> Floats:
        """How many judged boxes of each class there are in each picture (n, c)."""
        counts = [np.bincount(one.classes[one.judged], minlength=len(self.names)) for _, one in self.answers]
        return np.array(counts, np.float64).reshape(len(self), len(self.names))

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (self._sorted(),)

    def _sorted(self) -> _Sorted:
        of = np.repeat(np.arange(len(self)), [len(one.scores) for one in self.found])
        scores = np.concatenate([np.zeros(0), *(one.scores for one in self.found)])
        classes = np.concatenate([np.zeros(0, np.int64), *(one.classes for one in self.found)])
        hits = np.concatenate([np.zeros((0, len(OVERLAPS)), np.int8), *(one.hits for one in self.found)])
        true, sorted_ = self.true, []
        for number in range(len(self.names)):
            own = np.flatnonzero(classes == number)
            own = own[np.argsort(-scores[own], kind="stable")]
            sorted_.append(_Class(of[own], hits[own], true[:, number]))
        return sorted_

    def evidence(self, units: Units) -> Evidence:
        pairs = np.argwhere(self.true > 0)
        pairs[:, 0] = units[pairs[:, 0]]
        by_samples, by_units = classes_in(pairs, len(self.names))
        return Evidence(len(self), unit_count(units), self.names, by_samples, by_units)

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where every picture is answered with the same boxes: those of `prior`, in shares of its sides."""
        sides, scores, classes = prior.mean.reshape(-1, 4), prior.shares, prior.median.astype(np.int64)
        same = [Answered(matched(sides, scores, classes, *one.truth), one.truth) for one in self.answers]
        return replace(self, answers=same).statistics([name])[name]

    @staticmethod
    def prior(others: Sequence[Truth]) -> Prior:
        """The boxes that fit best where they are answered to every picture, from the true boxes of other pictures.

        Of up to 400 boxes, each gets as its score the share of the pictures in which it overlaps one of its class by
        half; of two that overlap each other by half, the better one is kept. `shares` are the scores of the 100 best,
        `mean` their sides, and `median` their classes.
        """
        sides = np.concatenate([np.zeros((0, 4)), *(one.sides[one.judged] for one in others)])
        classes = np.concatenate([np.zeros(0, np.int64), *(one.classes[one.judged] for one in others)])
        of = np.repeat(np.arange(len(others)), [int(one.judged.sum()) for one in others])
        some = np.linspace(0, len(sides) - 1, min(len(sides), _CANDIDATES)).round().astype(np.int64)

        hits = np.zeros(len(some))
        starts = np.flatnonzero(np.diff(of, prepend=-1))  # the first box of each picture that has one
        for part in np.array_split(starts, 1 + len(sides) // _AT_ONCE):
            last = int(starts[starts > part[-1]].min(initial=len(sides))) if len(part) else 0
            fits = _alike(sides, classes, some, slice(part[0] if len(part) else 0, last))
            hits += np.logical_or.reduceat(fits, part - part[0], axis=1).sum(axis=1) if len(part) else 0
        close = _alike(sides, classes, some, some)
        left, kept = np.argsort(-hits, kind="stable"), list[int]()
        for place in left.tolist():
            if len(kept) < MOST_FOUND and not close[place, kept].any():
                kept.append(place)
        return Prior(hits[kept] / max(1, len(others)), sides[some[kept]], classes[some[kept]].astype(np.float64))

    def answered(self) -> tuple[Array, Array]:
        """How many boxes of each class (c,) are answered with a score of `sure`, and how many of these are right."""
        said, right = np.zeros((2, len(self.names)))
        for one in self.found:
            sure = one.scores >= self.sure
            judged = sure & (one.hits[:, 0] != NOT_JUDGED)
            said += np.bincount(one.classes[judged], minlength=len(said))
            right += np.bincount(one.classes[sure & (one.hits[:, 0] == RIGHT)], minlength=len(said))
        return said, right

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class: name, support, and average precision; precision, recall and f1 of the sure boxes.

        A box is right here where it overlaps a true one by half.
        """
        said, right = self.answered()
        true = self.true.sum(axis=0)
        precision, recall, f1 = ratio(right, said), ratio(right, true), ratio(2 * right, true + said)
        ones = np.ones((1, len(self)))
        aps = [float(box_map([one])(ones)[0]) for one in self._sorted()]
        rows = zip(self.names, true, precision, recall, f1, aps, strict=True)
        return [
            {"name": n, "support": int(s), "precision": float(p), "recall": float(r), "f1": float(f), "ap": a}
            for n, s, p, r, f, a in rows
        ]
