"""Charts with axes: lines over steps, class counts, reliability, predicted against true values, an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tl.report.blocks import ConfidenceBin, PhaseBar, Series
from tl.report.svg import Frame, axes, circle, drawing, honest_range, line, path, rect, round_range, text, tick_text
from tl.report.words import brief_count, count, number, shorten, text_width

LINE_STYLES = 6
"""page.css has this many colours and dashes for series; a further series has those of an earlier one."""


def line_chart(series: Sequence[Series], *, title: str, phases: Sequence[PhaseBar] = (), share: bool = False) -> str:
    """Lines over steps, which begin at 0, and borders between phases; `share` says that the best value is 1."""
    values = [y for s in series for _, y in s.points if math.isfinite(y)]
    steps = [x for s in series for x, _ in s.points] + [p.last for p in phases]
    if not values:
        return ""
    low, high = round_range(*honest_range(min(values), max(values), share=share))
    frame = Frame(46, 24, 424, 212, 0, max(1, *steps, 1), low, high)
    body = axes(frame, x_label="step") + phase_borders(frame, phases)
    for i, one in enumerate(series):
        body += _one_line(frame, one, f"s{i % LINE_STYLES + 1}")
    ends = "; ".join(f"{s.name} ends at {number(s.points[-1][1])}" for s in series if s.points)
    return drawing(440, 252, body, title=f"{title} over steps: {ends}")


def _one_line(frame: Frame, series: Series, style: str) -> str:
    spots = [(frame.x(x), frame.y(y) if math.isfinite(y) else math.nan) for x, y in series.points]
    marks = [path(spots, f"line {style}")]
    kind = f"dot {style}" if len(spots) <= 40 else "unseen"
    for (x, y), (step, value) in zip(spots, series.points, strict=True):
        if not math.isnan(y):
            tip = f"{series.name} {number(value, 3)} at step {count(round(step))}"
            marks.append(circle(x, y, 3 if kind != "unseen" else 5, kind, tip=tip))
    return "".join(marks)


def phase_borders(frame: Frame, phases: Sequence[PhaseBar]) -> str:
    """A dotted line where a phase ends, and each phase's name above the plot where the name fits."""
    real = [p for p in phases if p.last >= p.first]
    if len(real) < 2:
        return ""
    marks = []
    for phase in real:
        left, right = frame.x(phase.first - 1), frame.x(phase.last)
        room = int((right - left - 4) / 6.6)
        if room >= min(4, text_width(phase.name)):
            marks.append(text((left + right) / 2, frame.top - 8, shorten(phase.name, room), "mid small"))
        if phase.first > 1:
            marks.append(line(left, frame.top - 14, left, frame.bottom, "border"))
    return "".join(marks)


def bars(names: Sequence[str], counts: Mapping[str, Mapping[str, int]], *, title: str) -> str:
    """Horizontal bars: a row for each name, a column for each split; each column has a scale of its own from 0."""
    shown = [shorten(name, 20) for name in names]
    label, panel, gap, row, top = 14 + 7.0 * max(text_width(name) for name in shown), 150.0, 18.0, 20.0, 26.0
    width, height = label + len(counts) * (panel + gap), top + row * len(names) + 4
    body = [text(label - 8, top + row * i + 14, name, "end") for i, name in enumerate(shown)]
    for j, (split, of) in enumerate(counts.items()):
        left, most = label + j * (panel + gap), max([1, *of.values()])
        body.append(text(left, 14, f"{split}, {count(sum(of.values()))}", "name"))
        body.append(line(left, top - 4, left, height, "axis"))
        for i, name in enumerate(names):
            amount, y = of.get(name, 0), top + row * i
            length = (panel - 40) * amount / most
            tip = f"{name}: {count(amount)} in {split}"
            body.append(rect((left, y + 2, length, row - 5), f"fill s{j % LINE_STYLES + 1}", tip=tip))
            body.append(text(left + length + 5, y + 14, brief_count(amount), "small" if amount else "small alarm"))
    return drawing(width, height, "".join(body), title=title, kind="wide")


def reliability(bins: Sequence[ConfidenceBin], *, title: str) -> str:
    """Accuracy against confidence for each bin; on the diagonal both are equal. Faint bars show each bin's size."""
    frame = Frame(50, 10, 326, 230)
    filled = [b for b in bins if b.count > 0]
    most = max([1, *(b.count for b in filled)])
    back, front = [axes(frame, x_label="confidence", y_label="accuracy", whole=False)], []
    back.append(line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "ideal"))
    for b in filled:
        tip = f"confidence {number(b.confidence)}, accuracy {number(b.accuracy)}, {count(b.count)} samples"
        left, right = frame.x(b.low) + 1, frame.x(b.high) - 1
        tall = 0.25 * (frame.bottom - frame.top) * b.count / most
        back.append(rect((left, frame.bottom - tall, right - left, tall), "fill s6 faint", tip=tip))
        x, y = frame.x(b.confidence), frame.y(b.accuracy)
        front.append(line(x, frame.y(b.confidence), x, y, "gap"))
        front.append(circle(x, y, 2.5 + 3.5 * math.sqrt(b.count / most), "dot s1", tip=tip))
    return drawing(340, 270, "".join(back + front), title=title, kind="square")


def scatter(true: Sequence[float], predicted: Sequence[float], *, title: str) -> str:
    """Predicted against true values, on equal axes; on the diagonal the prediction is exact."""
    pairs = [(t, p) for t, p in zip(true, predicted, strict=True) if math.isfinite(t) and math.isfinite(p)]
    if not pairs:
        return ""
    low, high = round_range(min(min(pair) for pair in pairs), max(max(pair) for pair in pairs))
    frame = Frame(58, 14, 378, 334, low, high, low, high)
    body = [axes(frame, x_label="true", y_label="predicted", whole=False)]
    body.append(line(frame.x(low), frame.y(low), frame.x(high), frame.y(high), "ideal"))
    for t, p in pairs:
        body.append(circle(frame.x(t), frame.y(p), 3.2, "cloud s1", tip=f"true {number(t)}, predicted {number(p)}"))
    return drawing(394, 376, "".join(body), title=title, kind="square")


def interval_bar(value: float, low: float | None, high: float | None, baseline: float | None, top: float = 1.0) -> str:
    """A score and its interval on a scale from 0 to `top`, with a tick at `baseline`, the score of guessing."""
    frame = Frame(8, 8, 232, 24, 0, top)
    body = [line(frame.left, 16, frame.right, 16, "rail")]
    if low is not None and high is not None:
        body.append(rect((frame.x(low), 10, frame.x(high) - frame.x(low), 12), "fill s1 faint"))
    if baseline is not None:
        body.append(line(frame.x(baseline), 8, frame.x(baseline), 24, "guess"))
        anchor = "mid" if 0.12 < baseline / top < 0.8 else "" if baseline / top <= 0.12 else "end"
        body.append(text(frame.x(baseline), 38, "guessing", f"small {anchor}"))
    body.append(circle(frame.x(value), 16, 5, "fill s1"))
    ends = [at for at in (0.0, top) if baseline is None or abs(at - baseline) > 0.3 * top]
    body += [text(frame.x(at), 38, tick_text(at, top), "small mid") for at in ends]
    scale = f"{number(value)} on the scale from 0 to {tick_text(top, top)}"
    return drawing(240, 42, "".join(body), title=scale, kind="gauge")
