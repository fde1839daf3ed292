"""What charts are made of: shapes, text, scales and ticks. Positions are pixels of the view box; y points down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tl.report.words import brief_count, esc, rate


def px(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def drawing(width: float, height: float, body: str, *, title: str, kind: str = "") -> str:
    """A whole SVG, whose title is read by screen readers. `kind` holds CSS classes, which decide how it scales."""
    size = f'style="--w:{px(width)}px" viewBox="0 0 {px(width)} {px(height)}"'
    head = f'<svg class="{f"chart {kind}".strip()}" {size} role="img" aria-label="{esc(title)}">'
    return f"{head}<title>{esc(title)}</title>{body}</svg>"


def text(x: float, y: float, words: str, kind: str = "", *, turn: float = 0) -> str:
    """Words that start at (x, y) on their baseline; the CSS classes mid and end in `kind` centre or end them there."""
    turned = f' transform="rotate({px(turn)} {px(x)} {px(y)})"' if turn else ""
    return f'<text x="{px(x)}" y="{px(y)}" class="{kind}"{turned}>{esc(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" class="{kind}"/>'


def rect(area: tuple[float, float, float, float], kind: str, *, tip: str = "", opacity: float = 1) -> str:
    """A rectangle (x, y, width, height); `tip` is its tooltip, `opacity` the opacity of its fill."""
    x, y, width, height = area
    faint = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
    shape = f'<rect x="{px(x)}" y="{px(y)}" width="{px(max(0, width))}" height="{px(max(0, height))}" class="{kind}"'
    return f"{shape}{faint}>{tooltip(tip)}</rect>" if tip else f"{shape}{faint}/>"


def circle(x: float, y: float, radius: float, kind: str, *, tip: str = "") -> str:
    shape = f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(radius)}" class="{kind}"'
    return f"{shape}>{tooltip(tip)}</circle>" if tip else f"{shape}/>"


def tooltip(words: str) -> str:
    """The words that are shown while the pointer is on the shape around this element."""
    return f"<title>{esc(words)}</title>"


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A polyline through the points, with a gap at each point that has a nan coordinate."""
    commands, pen = [], "M"
    for x, y in points:
        if math.isnan(x) or math.isnan(y):
            pen = "M"
            continue
        commands.append(f"{pen}{px(x)} {px(y)}")
        pen = "L"
    return f'<path d="{"".join(commands)}" class="{kind}"/>' if commands else ""


@dataclass(frozen=True)
class Frame:
    """A plotting rectangle in pixels, and the values at its left, right, bottom and top edges."""

    left: float
    top: float
    right: float
    bottom: float
    x_low: float = 0
    x_high: float = 1
    y_low: float = 0
    y_high: float = 1

    def x(self, value: float) -> float:
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.y_low) / (self.y_high - self.y_low) * (self.bottom - self.top)


def tick_step(low: float, high: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that needs at most `most` steps from low to high."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= raw * (1 - 1e-9))


def ticks(low: float, high: float, most: int = 5, *, whole: bool = False) -> tuple[float, ...]:
    """Round values inside [low, high], at most `most` + 1 of them; with `whole`, only integers."""
    step = tick_step(low, high, most)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(_clean(i * step) for i in range(first, last + 1))


def honest_range(low: float, high: float, *, share: bool) -> tuple[float, float]:
    """The range that an axis of values in [low, high] covers, so that a small change looks small.

    A share (of answers that are right, say) has the axis from 0 to 1, other values at or above 0 an axis from 0. An
    axis with negative values spans at least a fifth of the largest.
    """
    if share and 0 <= low <= high <= 1:
        return 0.0, 1.0
    if low >= 0:
        return 0.0, high
    pad = 0.5 * max(0.0, 0.2 * max(abs(low), abs(high)) - (high - low))
    return low - pad, high + pad


def round_range(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """The range [low, high], widened to round values. The result starts at 0 where 0 is near, and is never empty."""
    if 0 <= low < 0.5 * high:
        low = 0.0
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad = 0.5 * abs(high) or 0.5
        low, high = low - pad, high + pad
    step = tick_step(low, high, most)
    return _clean(math.floor(low / step + 1e-9) * step), _clean(math.ceil(high / step - 1e-9) * step)


def _clean(value: float) -> float:
    """The value without the rounding error of a multiplication."""
    return float(f"{value:.12g}")


def tick_text(value: float, step: float) -> str:
    """A tick's label with as many decimals as its step needs."""
    if step < 1e-3:
        if not value:
            return "0"
        return rate(value) if value > 0 else f"−{rate(-value)}"
    if step >= 1:
        sign = "−" if value < 0 else ""
        return sign + (brief_count(abs(value)) if step >= 100 or abs(value) >= 10000 else f"{abs(value):.0f}")
    decimals = -math.floor(math.log10(step) + 1e-9)
    return f"{value:.{decimals}f}".replace("-", "−")


def axes(frame: Frame, *, x_label: str = "", y_label: str = "", whole: bool = True) -> str:
    """Grid lines and labels at round values, and the name of each axis; with `whole`, x has integers only."""
    marks = []
    rows = ticks(frame.y_low, frame.y_high)
    for value in rows:
        y = frame.y(value)
        marks.append(line(frame.left, y, frame.right, y, "grid"))
        marks.append(text(frame.left - 7, y + 4, tick_text(value, rows[1] - rows[0] if len(rows) > 1 else 1), "end"))
    across = ticks(frame.x_low, frame.x_high, max(2, int((frame.right - frame.left) / 55)), whole=whole)
    for value in across:
        step = across[1] - across[0] if len(across) > 1 else 1
        marks.append(line(frame.x(value), frame.bottom, frame.x(value), frame.bottom + 4, "axis"))
        marks.append(text(frame.x(value), frame.bottom + 18, tick_text(value, step), "mid"))
    marks.append(line(frame.left, frame.bottom, frame.right, frame.bottom, "axis"))
    if x_label:
        marks.append(text((frame.left + frame.right) / 2, frame.bottom + 34, x_label, "mid name"))
    if y_label:
        middle = (frame.top + frame.bottom) / 2
        marks.append(text(12, middle, y_label, "mid name", turn=-90))
    return "".join(marks)
