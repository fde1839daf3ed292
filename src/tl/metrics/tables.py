"""Tables of a split: which class was taken for which, and how well each class or label was predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tl.metrics.calibration import Array
from tl.metrics.classification import THRESHOLD
from tl.metrics.weighted import average_precision
from tl.space import Kind


def confusion(scores: Array, targets: Array) -> dict[tuple[int, int], int]:
    """How often each pair (true class, predicted class) occurred, without the pairs that never occurred."""
    pairs = np.stack([targets.astype(np.int64), scores.argmax(axis=1)], axis=1)
    cells, times = np.unique(pairs, axis=0, return_counts=True)
    return {(int(true), int(said)): int(n) for (true, said), n in zip(cells, times, strict=True)}


def per_class(kind: Kind, scores: Array, targets: Array, names: Sequence[str]) -> list[dict[str, str | float]]:
    """A row for each class or label: name, support, precision, recall and f1; for labels also average precision `ap`.

    Labels count as predicted at probability 0.5. The precision of a class that was never predicted is nan, and so are
    the recall of a class that never occurred and the f1 of a class that did neither.
    """
    if kind == "single":
        truth, answer = targets.astype(np.int64), scores.argmax(axis=1)
        hits, support, predicted = (
            np.bincount(some, minlength=len(names)) for some in (truth[truth == answer], truth, answer)
        )
    else:
        answer, truth = scores >= THRESHOLD, targets.astype(bool)
        hits, support, predicted = (answer & truth).sum(axis=0), truth.sum(axis=0), answer.sum(axis=0)
    rows: list[dict[str, str | float]] = []
    for i, name in enumerate(names):
        row: dict[str, str | float] = {"name": name, "support": int(support[i])}
        row["precision"] = _share(hits[i], predicted[i])
        row["recall"] = _share(hits[i], support[i])
        row["f1"] = _share(2 * hits[i], support[i] + predicted[i])
        if kind == "multi":
            row["ap"] = float(average_precision(scores[:, i], targets[:, i] > 0, np.ones((1, len(targets))))[0])
        rows.append(row)
    return rows


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
