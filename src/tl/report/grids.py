"""Charts that are made of cells: the confusion matrix, and the timeline of which part learned when."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, product

from tl.report.blocks import Heatmap, PhaseBar
from tl.report.charts import phase_borders
from tl.report.svg import Frame, drawing, line, rect, text, tick_step, tick_text, ticks
from tl.report.words import brief_count, count, rate, shorten, text_width

MOST_CLASSES = 30
"""Of more classes than this, a confusion matrix shows those with the most mistakes."""


def most_confused(confusion: Heatmap, limit: int = MOST_CLASSES) -> Heatmap:
    """The confusion matrix of the `limit` classes that take part in the most mistakes, in the order they had."""
    size = len(confusion.names)
    if size <= limit:
        return confusion
    wrong = Counter(dict.fromkeys(range(size), 0))
    for (true, said), times in confusion.counts.items():
        if true != said:
            wrong.update({true: times, said: times})
    kept = sorted(i for i, _ in wrong.most_common(limit))
    place = {i: new for new, i in enumerate(kept)}
    counts = {(place[i], place[j]): n for (i, j), n in confusion.counts.items() if i in place and j in place}
    return Heatmap([confusion.names[i] for i in kept], counts, confusion.noun)


def worst_pairs(confusion: Heatmap, limit: int = 8) -> list[tuple[str, str, int]]:
    """The true class, the predicted class and the number of samples, for each of the `limit` commonest mistakes."""
    names = confusion.names
    pairs = sorted((-times, i, j) for (i, j), times in confusion.counts.items() if i != j and times)
    return [(names[i], names[j], -times) for times, i, j in pairs[:limit]]


def heat_map(confusion: Heatmap, *, title: str) -> str:
    """A confusion matrix with a row for each true class; the larger a cell's share of its row, the darker the cell."""
    names, size = confusion.names, len(confusion.names)
    cell = min(64.0, max(21.0, 480.0 / size))
    shown, rows = [shorten(name, 16) for name in names], [shorten(name, 22) for name in names]
    longest = max(4, *(text_width(name) for name in shown))
    turned = cell < 7.0 * longest
    left = 14 + 7.0 * max(11, *(text_width(name) for name in rows))
    top = 14 + (5.4 * longest if turned else 24)
    body = [text(left - 7, top - 22, "predicted →", "end name"), text(left - 7, top - 7, "true ↓", "end name")]
    for i, name in enumerate(shown):
        middle = cell * (i + 0.5)
        body.append(text(left - 7, top + middle + 4, rows[i], "end"))
        x = left + middle + (4 if turned else 0)
        body.append(text(x, top - 7, name, "" if turned else "mid", turn=-45 if turned else 0))
    body += _cells(confusion, left, top, cell)
    tail = 5.4 * text_width(shown[-1]) if turned else 0
    width = left + cell * size + max(8.0, tail - cell / 2 + 12)
    return drawing(width, top + cell * size + 6, "".join(body), title=title, kind="wide")


def _cells(confusion: Heatmap, left: float, top: float, side: float) -> list[str]:
    names, marks, totals = confusion.names, [], Counter[int]()
    for (i, _), times in confusion.counts.items():
        totals[i] += times
    kind, drop = ("mid on tiny", 3.5) if side < 30 else ("mid on", 4.5)
    for i, j in product(range(len(names)), repeat=2):
        times, total = confusion.counts.get((i, j), 0), totals[i]
        x, y = left + side * j, top + side * i
        tip = f"true {names[i]}, predicted {names[j]}: {count(times)} of {count(total)}"
        area = (x + 0.75, y + 0.75, side - 1.5, side - 1.5)
        if not times:
            marks.append(rect(area, "none", tip=tip))
            continue
        share = times / total if i == j else math.sqrt(times / total)
        marks.append(rect(area, "heat" if i == j else "miss", tip=tip, opacity=0.12 + 0.88 * share))
        marks.append(text(x + side / 2, y + side / 2 + drop, brief_count(times), kind))
    return marks


@dataclass(frozen=True)
class TimelineRow:
    """Neighbouring parts whose learning rates are equal in every phase; `rates` has one entry for each phase."""

    name: str
    rates: tuple[float | None, ...]


def timeline_rows(phases: Sequence[PhaseBar], most: int = 14) -> list[TimelineRow]:
    """The parts from the head to backbone.0; if there are more than `most`, neighbours with equal rates share a row."""
    parts = list(dict.fromkeys(part for phase in phases for part in phase.rates))[::-1]
    rows = [TimelineRow(part, tuple(phase.rates.get(part) for phase in phases)) for part in parts]
    if len(rows) <= most:
        return rows
    merged = []
    for _, group in groupby(rows, key=lambda row: (row.name.partition(".")[0], row.rates)):
        alike = list(group)
        last = alike[0].name.rpartition(".")[2]
        name = alike[0].name if len(alike) == 1 else f"{alike[-1].name} to {last}"
        merged.append(TimelineRow(name, alike[0].rates))
    return merged


def rate_opacity(value: float, low: float, high: float) -> float:
    """The opacity that shows a learning rate: from 0.25 for the lowest to 1 for the highest, on a log scale."""
    if value <= 0:
        return 0.12
    return 1.0 if high <= low else 0.25 + 0.75 * math.log(value / low) / math.log(high / low)


def timeline(phases: Sequence[PhaseBar], *, title: str) -> str:
    """A row for each part, over steps: a darker cell has a higher learning rate, a hatched cell is frozen."""
    real = [p for p in phases if p.last >= p.first]
    rows = timeline_rows(real)
    if not rows:
        return ""
    tall = 30.0 if len(rows) <= 8 else 22.0
    left = 22 + 7.0 * min(18, max(text_width(row.name) for row in rows))
    frame = Frame(left, 30, 846, 30 + tall * len(rows), 0, max(p.last for p in real))
    known = [r for row in rows for r in row.rates if r is not None and r > 0]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    body = [_HATCH]
    for i, row in enumerate(rows):
        y = frame.top + tall * i
        body.append(text(frame.left - 9, y + tall / 2 + 4, shorten(row.name, 18), "end"))
        for phase, value in zip(real, row.rates, strict=True):
            left, right = frame.x(phase.first - 1), frame.x(phase.last)
            where = f"{row.name}, {phase.name}, steps {count(phase.first)} to {count(phase.last)}"
            area = (left + 0.75, y + 1, right - left - 1.5, tall - 2)
            if value is None:
                body.append(rect(area, "frozen", tip=f"{where}: frozen"))
                continue
            tip = f"{where}: learning rate {rate(value)}"
            body.append(rect(area, "heat", tip=tip, opacity=rate_opacity(value, low, high)))
            if right - left > 7.5 * len(rate(value)) + 6:
                body.append(text((left + right) / 2, y + tall / 2 + 4, rate(value), "mid on"))
    body += [phase_borders(frame, real), _steps(frame)]
    return drawing(862, frame.bottom + 40, "".join(body), title=title, kind="wide")


_HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" class="hatch-back"/><line x1="0" y1="0" x2="0" y2="6" class="hatch-line"/>'
    "</pattern></defs>"
)


def _steps(frame: Frame) -> str:
    marks = [line(frame.left, frame.bottom + 3, frame.right, frame.bottom + 3, "axis")]
    step = max(1.0, tick_step(0, frame.x_high, 8))
    across = ticks(0, frame.x_high, 8, whole=True)
    marks += [text(frame.x(value), frame.bottom + 20, tick_text(value, step), "mid") for value in across]
    marks.append(text((frame.left + frame.right) / 2, frame.bottom + 36, "step", "mid name"))
    return "".join(marks)
