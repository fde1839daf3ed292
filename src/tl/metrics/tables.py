"""Tables of a split: which class was taken for which, and how well each class or label was predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tl.metrics.calibration import Array


def confusion(scores: Array, targets: Array) -> dict[tuple[int, int], int]:
    """How often each pair (true class, predicted class) occurred, without the pairs that never occurred."""
    pairs = np.stack([targets.astype(np.int64), scores.argmax(axis=1)], axis=1)
    cells, times = np.unique(pairs, axis=0, return_counts=True)
    return {(int(true), int(said)): int(n) for (true, said), n in zip(cells, times, strict=True)}


def per_class(names: Sequence[str], hits: Array, support: Array, predicted: Array) -> list[dict[str, str | float]]:
    """A row for each class or label, from how often (c,) it was answered rightly, occurred, and was answered at all.

    Its keys are name, support, precision, recall and f1. The precision of a class that was never predicted is nan, and
    so are the recall of a class that never occurred and the f1 of a class that did neither.
    """
    rows: list[dict[str, str | float]] = []
    for i, name in enumerate(names):
        row: dict[str, str | float] = {"name": name, "support": int(support[i])}
        row["precision"] = _share(hits[i], predicted[i])
        row["recall"] = _share(hits[i], support[i])
        row["f1"] = _share(2 * hits[i], support[i] + predicted[i])
        rows.append(row)
    return rows


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
