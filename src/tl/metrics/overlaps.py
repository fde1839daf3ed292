"""Which boxes found in a picture are right: by how much each overlaps a true one of its class, as COCO judges them.

Shapes: k boxes found in a picture, m true ones, t overlaps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.weighted import ratio

OVERLAPS: Floats = np.linspace(0.5, 0.95, 10)
"""The least intersection over union at which a found box is right, as COCO lists them."""
MOST_FOUND = 100
"""So many boxes of a class are judged in a picture at most, the surest ones."""
RIGHT, WRONG, NOT_JUDGED = 1, 0, -1
"""What `Found.hits` says of a box at each overlap."""


class Found(NamedTuple):
    """The boxes found in a picture: `sides` (k, 4) are left, top, right, bottom, and `hits` (k, t) what `matched` says.

    `scores` (k,) fall; `classes` (k,) are numbers.
    """

    sides: Floats
    scores: Floats
    classes: Array
    hits: Array


class Truth(NamedTuple):
    """The true boxes of a picture: `sides` (m, 4) in shares of its width and height, `classes` (m,), `judged` (m,)."""

    sides: Floats
    classes: Array
    judged: Array


class Answered(NamedTuple):
    """What was found in a picture, and what is there."""

    found: Found
    truth: Truth


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
        hits[row] = np.where(right, RIGHT, np.where((enough[row] & ~judged).any(axis=1), NOT_JUDGED, WRONG))
    return hits


def wrong_boxes(found: Found, true: int, sure: float) -> int:
    """How many of a picture's `true` boxes are missed by the sure ones found, and how many of these are made up."""
    counts = found.scores >= sure
    right = int((counts & (found.hits[:, 0] == RIGHT)).sum())
    return true - right + int((counts & (found.hits[:, 0] == WRONG)).sum())
