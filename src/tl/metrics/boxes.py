"""Boxes in pictures, judged as COCO does: by class, by score, and by how much a found box overlaps a true one.

What is found in a picture is matched with what is there once (`matched`), since that does not depend on the weights of
pictures. A metric then sorts all boxes of a class by their scores, and weighs each by its picture.
Shapes: n pictures, r rows of weights, k boxes found in a picture, m true ones, c classes, t overlaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.evidence import Evidence, classes_in
from tl.metrics.measured import Measured, Prior
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Statistic, mean_defined, ratio

OVERLAPS: Floats = np.linspace(0.5, 0.95, 10)
"""The least intersection over union at which a found box is right, as COCO lists them."""
MOST_FOUND = 100
"""So many boxes of a class are judged in a picture at most, the surest ones."""

_RECALLS = np.linspace(0.0, 1.0, 101)
_HALF, _THREE_QUARTERS = slice(0, 1), slice(5, 6)
_ALL = slice(None)
_RIGHT, _WRONG, _NOT_JUDGED = 1, 0, -1
_CELLS = 2**22
_NO_BOX = "no picture has a box that is judged"
_CATALOGUE = (
    entry("box_map", "classes", higher=True, label="mAP 50-95", undefined=_NO_BOX),
    entry("box_map50", "classes", higher=True, label="mAP 50", undefined=_NO_BOX),
    entry("box_map75", "classes", higher=True, label="mAP 75", undefined=_NO_BOX),
    entry("box_recall", "classes", higher=True, label="box recall", undefined=_NO_BOX),
)


class Found(NamedTuple):
    """The boxes found in a picture: `sides` (k, 4) are left, top, right, bottom, and `hits` (k, t) what `matched` says.

    `scores` (k,) fall; `classes` (k,) are numbers.
    """

    sides: Floats
    scores: Floats
    classes: Array
    hits: Array


def overlap(found: Floats, true: Floats, crowd: Array) -> Floats:
    """Intersection over union (k, m) of boxes; with a crowd, the share of the found box that lies in it."""
    low, high = np.maximum(found[:, None, :2], true[None, :, :2]), np.minimum(found[:, None, 2:], true[None, :, 2:])
    both = (high - low).clip(min=0).prod(axis=2)
    own, other = ((some[:, 2:] - some[:, :2]).prod(axis=1) for some in (found, true))
    shares: Floats = ratio(both, np.where(crowd[None], own[:, None], own[:, None] + other[None] - both))
    return np.nan_to_num(shares)


def matched(sides: Floats, scores: Floats, classes: Array, true: Floats, of: Array, judged: Array) -> Found:
    """The found boxes of a picture, the surest first, each with whether it is right (1) or wrong (0) at each overlap.

    True boxes (m, 4) have classes `of` (m,). A found box takes the true one of its class that it overlaps most and that
    no surer one took. What lies in a true box that is not judged is neither right nor wrong (-1).
    """
    order = _surest(scores, classes)
    sides, scores, classes = sides[order], scores[order], classes[order]
    hits = np.zeros((len(order), len(OVERLAPS)), np.int8)
    for number in np.intersect1d(classes, of):
        mine, theirs = np.flatnonzero(classes == number), np.flatnonzero(of == number)
        hits[mine] = _taken(overlap(sides[mine], true[theirs], ~judged[theirs]), judged[theirs])
    return Found(sides, scores, classes, hits)


def _surest(scores: Floats, classes: Array) -> Array:
    """The places of the surest boxes of each class, by falling score."""
    order = np.argsort(-scores, kind="stable")
    rank = np.zeros(len(order), np.int64)
    for number in np.unique(classes):
        own = np.flatnonzero(classes[order] == number)
        rank[own] = np.arange(len(own))
    return order[rank < MOST_FOUND]


def _taken(shares: Floats, judged: Array) -> Array:
    """Whether each found box (k,), the surest first, is right at each overlap, from its shares (k, m) of true boxes."""
    hits = np.zeros((len(shares), len(OVERLAPS)), np.int8)
    enough = shares[:, None, :] >= OVERLAPS[None, :, None]
    free = np.broadcast_to(judged, (len(OVERLAPS), len(judged))).copy()
    columns, last = np.arange(len(OVERLAPS)), len(judged) - 1
    for row, share in enumerate(shares):
        fits = enough[row] & free
        right = fits.any(axis=1)
        best = last - np.where(fits, share, -1.0)[:, ::-1].argmax(axis=1)  # of equal ones the last, as in COCO
        free[columns[right], best[right]] = False
        hits[row] = np.where(right, _RIGHT, np.where((enough[row] & ~judged).any(axis=1), _NOT_JUDGED, _WRONG))
    return hits


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
            found += [judge(each * (column == _RIGHT), each * (column == _WRONG), total) for column in hits]
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


@dataclass(frozen=True, eq=False)
class MeasuredBoxes(Measured):
    """`found` has the boxes found in each picture, `true` (n, c) how many there are of each class, judged ones only.

    `sure` is the least score of a box that counts as an answer in the table of classes; metrics take them all.
    """

    found: Sequence[Found]
    true: Array
    names: Sequence[str]
    sure: float

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
        return len(self.found)

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (self._sorted(),)

    def _sorted(self) -> _Sorted:
        of = np.repeat(np.arange(len(self)), [len(one.scores) for one in self.found])
        scores = np.concatenate([np.zeros(0), *(one.scores for one in self.found)])
        classes = np.concatenate([np.zeros(0, np.int64), *(one.classes for one in self.found)])
        hits = np.concatenate([np.zeros((0, len(OVERLAPS)), np.int8), *(one.hits for one in self.found)])
        true = np.asarray(self.true, np.float64)
        sorted_ = []
        for number in range(len(self.names)):
            own = np.flatnonzero(classes == number)
            own = own[np.argsort(-scores[own], kind="stable")]
            sorted_.append(_Class(of[own], hits[own], true[:, number]))
        return sorted_

    def evidence(self, units: Units) -> Evidence:
        pairs = np.argwhere(np.asarray(self.true) > 0)
        pairs[:, 0] = units[pairs[:, 0]]
        by_samples, by_units = classes_in(pairs, len(self.names))
        return Evidence(len(self), unit_count(units), self.names, by_samples, by_units)

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where no box is answered: one at a place that was not looked at hardly ever fits."""
        nothing = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), np.zeros((0, len(OVERLAPS)), np.int8))
        empty = MeasuredBoxes([nothing] * len(self), self.true, self.names, self.sure)
        return empty.statistics([name])[name]

    def answered(self) -> tuple[Array, Array]:
        """How many boxes of each class (c,) are answered with a score of `sure`, and how many of these are right."""
        said, right = np.zeros((2, len(self.names)))
        for one in self.found:
            sure = one.scores >= self.sure
            judged = sure & (one.hits[:, 0] != _NOT_JUDGED)
            said += np.bincount(one.classes[judged], minlength=len(said))
            right += np.bincount(one.classes[sure & (one.hits[:, 0] == _RIGHT)], minlength=len(said))
        return said, right

    def per_class(self) -> list[dict[str, str | float]]:
        """A row for each class: name, support, and average precision; precision, recall and f1 of the sure boxes.

        A box is right here where it overlaps a true one by half.
        """
        said, right = self.answered()
        true = np.asarray(self.true, np.float64).sum(axis=0)
        precision, recall, f1 = ratio(right, said), ratio(right, true), ratio(2 * right, true + said)
        ones = np.ones((1, len(self)))
        aps = [float(box_map([one])(ones)[0]) for one in self._sorted()]
        rows = zip(self.names, true, precision, recall, f1, aps, strict=True)
        return [
            {"name": n, "support": int(s), "precision": float(p), "recall": float(r), "f1": float(f), "ap": a}
            for n, s, p, r, f, a in rows
        ]


def wrong_boxes(found: Found, true: int, sure: float) -> int:
    """How many of a picture's `true` boxes are missed by the sure ones found, and how many of these are made up."""
    counts = found.scores >= sure
    right = int((counts & (found.hits[:, 0] == _RIGHT)).sum())
    return true - right + int((counts & (found.hits[:, 0] == _WRONG)).sum())
