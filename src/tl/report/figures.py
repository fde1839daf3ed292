"""Turns the blocks that are charts into figures: a drawing with its caption, its legend and a note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tl.report.blocks import Bars, Block, Curves, Group, Heading, Heatmap, PhaseBar, Reliability, Row, Scatter, Words
from tl.report.blocks import Timeline as TimelineBlock
from tl.report.charts import LINE_STYLES, bars, line_chart, reliability, scatter
from tl.report.grids import MOST_CLASSES, heat_map, most_confused, rate_opacity, timeline, worst_pairs
from tl.report.svg import rect
from tl.report.words import count, rate

MOST_BARS = 30


@dataclass(frozen=True)
class Figure:
    """An SVG below its caption and legend; `keys` are SVG shapes in a box of 26 by 12, and the name of what they mark.

    With `scroll`, a wide drawing keeps its size on a narrow screen. Nothing is shown where `svg` is ''.
    """

    caption: str
    svg: Markup
    keys: Sequence[tuple[Markup, str]] = ()
    note: str = ""
    scroll: bool = False


@dataclass(frozen=True)
class CommonMistakes:
    """What was taken for what, and how often."""

    pairs: Sequence[tuple[str, str, int]]


Drawn = Block | Figure | CommonMistakes


def drawn(block: Drawn) -> Drawn:
    """The block that has a template: a chart as a figure, any other block as it is."""
    draw = _DRAWINGS.get(type(block))
    return block if draw is None else draw(block)


def _heatmap(block: Heatmap) -> Drawn:
    if not any(block.counts.values()):
        return Words("There is no confusion matrix: no sample was judged.", "empty")
    if len(block.names) == 1:
        return Words(f"There is only one class, {block.names[0]}: none can be taken for another.", "empty")
    shown = most_confused(block)
    note = "Rows are the true class, columns the answer. Blue is right, orange wrong; deeper is a larger share."
    if len(shown.names) < len(block.names):
        note += f" Shown are the {MOST_CLASSES} of {len(block.names)} classes with the most mistakes."
    right = sum(times for (true, said), times in block.counts.items() if true == said)
    total = sum(block.counts.values())
    title = f"Confusion matrix of {len(block.names)} classes: {right} of {total} {block.noun} are right"
    figure = Figure("Confusion matrix", Markup(heat_map(shown, title=title)), note=note, scroll=True)
    worst = worst_pairs(block)
    none = Words("No class was taken for another.", "empty")
    beside: list[Any] = [Heading("Commonest mistakes"), CommonMistakes(worst)] if worst else [none]
    return Row([figure, Group(beside)], "uneven")  # type: ignore[list-item]


def _bars(block: Bars) -> Drawn:
    """Of more than `MOST_BARS` names, the commonest and the rarest of the first column."""
    counts = {column: of for column, of in block.counts.items() if of}
    names = list(dict.fromkeys(name for of in counts.values() for name in of))
    if not names:
        return Figure(block.caption, Markup())
    first = next(iter(counts.values()))
    note, shown = "", names
    if len(names) > MOST_BARS:
        ordered = sorted(names, key=lambda name: -first.get(name, 0))
        shown = [*ordered[: MOST_BARS // 2], *ordered[-(MOST_BARS // 2) :]]
        note = f"Shown are the {MOST_BARS // 2} commonest and the {MOST_BARS // 2} rarest of {len(names)}."
    return Figure(block.caption, Markup(bars(shown, counts, title=block.caption)), note=note, scroll=True)


def _reliability(block: Reliability) -> Figure:
    return Figure(block.caption, Markup(reliability(block.bins, title=f"Reliability. {block.caption}")))


def _scatter(block: Scatter) -> Drawn:
    title = f"{block.name}: predicted against true, {count(len(block.true))} points"
    svg = scatter(block.true, block.predicted, title=title)
    nothing = Words(f"There is nothing to compare: no value of {block.name} is known on both sides.", "empty")
    return Figure(block.name, Markup(svg)) if svg else nothing


def _curves(block: Curves) -> Figure:
    svg = line_chart(block.series, title=block.caption, phases=block.phases, share=block.share)
    keys = []
    for i, one in enumerate(block.series):
        style = f"s{i % LINE_STYLES + 1}"
        marks = f'<path d="M1 6H25" class="line {style}"/><circle cx="13" cy="6" r="3" class="dot {style}"/>'
        keys.append((Markup(marks), one.name))
    return Figure(block.caption, Markup(svg), keys, block.note)


def _timeline(block: TimelineBlock) -> Figure:
    learned = [f"{p.name}: {counted_parts(p)} of {len(p.rates)} parts learn" for p in block.phases]
    svg = timeline(block.phases, title=f"Timeline of parts by steps. {'; '.join(learned)}")
    known = [r for p in block.phases for r in p.rates.values() if r is not None and r > 0]
    low, high = min(known, default=1.0), max(known, default=1.0)
    keys = [(Markup(rect((0, 0, 26, 12), "frozen")), "frozen")]
    ends = sorted({low, high}) if known else []
    keys += [(Markup(rect((0, 0, 26, 12), "heat", opacity=rate_opacity(end, low, high))), rate(end)) for end in ends]
    return Figure("Learning rate by part and step", Markup(svg), keys, scroll=True)


def counted_parts(phase: PhaseBar) -> int:
    """How many parts learn in a phase."""
    return sum(r is not None for r in phase.rates.values())


_DRAWINGS: dict[type, Callable[[Any], Drawn]] = {
    Heatmap: _heatmap,
    Bars: _bars,
    Reliability: _reliability,
    Scatter: _scatter,
    Curves: _curves,
    TimelineBlock: _timeline,
}
