"""Makes the lines of charts from the rows of metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tl.report.blocks import Series
from tl.report.facts import Facts
from tl.report.words import finite, split_name

_NOT_LOSSES = frozenset({"grad_norm"})
"""Keys of a train row that are no term of the loss."""

_NOT_VALUES = frozenset({"step", "split", "phase", "task", "epoch", "time", "seconds", "n"})
"""Keys of a row that say where it belongs."""

MOST_POINTS = 200
"""Of a longer line, means over groups of neighbouring points are drawn."""

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Curve:
    """Every value of one key in one split, in order of steps; nan where the value was not a finite number."""

    split: str
    key: str
    points: tuple[tuple[float, float], ...]


def curves(rows: Rows) -> list[Curve]:
    """One curve for each (split, key) that ever held a number, in the order of first appearance."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        step = finite(row.get("step"))
        if step is None:
            continue
        for key, value in row.items():
            if key not in _NOT_VALUES and isinstance(value, int | float) and not isinstance(value, bool):
                y = finite(value)
                found.setdefault((str(row.get("split")), key), []).append((step, math.nan if y is None else y))
    ordered = [Curve(split, key, tuple(sorted(points))) for (split, key), points in found.items()]
    return [c for c in ordered if any(not math.isnan(y) for _, y in c.points)]


def is_rate(key: str) -> bool:
    return key == "lr" or key.startswith(("lr/", "lr.", "lr_"))


def group_size(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> int:
    """How many neighbouring points are averaged into one, for at most `most` to be drawn."""
    return max(1, math.ceil(len(points) / most))


def downsample(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most `most` points: each has the last step and the mean value of a group of neighbours."""
    size = group_size(points, most)
    drawn = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        known = [y for _, y in part if not math.isnan(y)]
        drawn.append((part[-1][0], sum(known) / len(known) if known else math.nan))
    return drawn


def loss_curves(all_curves: Sequence[Curve]) -> list[Curve]:
    """The training loss and its terms, then the values of the same names on other splits.

    Where the loss has one term, only the loss is given, because both are equal.
    """
    terms = [c for c in all_curves if c.split == "train" and not is_rate(c.key) and c.key not in _NOT_LOSSES]
    total = [c for c in terms if c.key == "loss"]
    if len(terms) == 2 and total:
        terms = total
    names = {c.key for c in terms} | {"loss"}
    ordered = total + [c for c in terms if c.key != "loss"]
    return ordered + [c for c in all_curves if c.split != "train" and c.key in names]


def metric_curves(all_curves: Sequence[Curve], facts: Facts) -> list[Curve]:
    """The main metric on every split but train.

    Where there is only one such split, and the metric is a share that should be high, one of the companion metrics too.
    """
    main = facts.verdict.metric if facts.verdict else None
    judged = [c for c in all_curves if c.split != "train" and c.key != "loss"]
    key = main if main in {c.key for c in judged} else judged[0].key if judged else None
    first = [c for c in judged if c.key == key]
    if len(first) != 1 or not _is_share(first[0]):
        return first
    beside = [c for name in facts.companions for c in judged if c.key == name != key and c.split == first[0].split]
    return first + (beside[:1] if facts.metric(first[0].key).higher else [])


def _is_share(curve: Curve) -> bool:
    return all(math.isnan(y) or 0 <= y <= 1 for _, y in curve.points)


def rate_lines(all_curves: Sequence[Curve]) -> list[Series]:
    """Learning rates over steps, with a gap where a part is frozen; parts whose rates are always equal share a line."""
    own = {c.key: dict(c.points) for c in all_curves if c.split == "train" and is_rate(c.key)}
    steps = sorted({step for points in own.values() for step in points})
    alike: dict[tuple[tuple[float, float], ...], list[str]] = {}
    for key, points in own.items():
        alike.setdefault(tuple(points.items()), []).append(key[3:] or "all parts")
    return [
        Series(_joined(parts), downsample([(step, dict(points).get(step, math.nan)) for step in steps]))
        for points, parts in alike.items()
    ]


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(parts) if len(parts) <= 2 else f"{parts[0]} to {parts[-1]}"


def best_point(curve: Curve, facts: Facts) -> tuple[float, float]:
    """The step and the value of the best point; of equal values, the earliest."""
    sign = -1 if facts.metric(curve.key).higher else 1
    return min(((x, y) for x, y in curve.points if not math.isnan(y)), key=lambda point: (sign * point[1], point[0]))


def curve_name(curve: Curve, among: Iterable[Curve], facts: Facts) -> str:
    """The curve's name, with its split where the curves `among` it are of several splits."""
    name = facts.metric(curve.key).label
    return f"{name}, {split_name(curve.split)}" if len({c.split for c in among}) > 1 else name


def series(chosen: Sequence[Curve], facts: Facts) -> list[Series]:
    return [Series(curve_name(curve, chosen, facts), downsample(curve.points)) for curve in chosen]
