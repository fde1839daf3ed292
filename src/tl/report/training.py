"""The learning curve, and the section on which part of the model learned when."""

from __future__ import annotations

from collections.abc import Sequence

from tl.report.blocks import (
    details,
    figure,
    legend_entry,
    line_legend,
    number_cell,
    paragraph,
    section,
    side_by_side,
    subheading,
    table,
    text_cell,
)
from tl.report.charts import LINE_STYLES, Series, line_chart
from tl.report.curves import (
    Curve,
    best_point,
    curves,
    group_size,
    is_rate,
    loss_curves,
    metric_curves,
    rate_lines,
    series,
)
from tl.report.facts import Facts, PhaseFact
from tl.report.grids import rate_opacity, timeline
from tl.report.svg import rect
from tl.report.words import count, number, rate, split_name

MOST_SMALL_CHARTS = 24


def learning_curve(facts: Facts) -> str:
    """Charts of the loss and the main metric over steps; a sentence where the run took no step."""
    known = curves(facts.curves)
    loss, judged = loss_curves(known), metric_curves(known, facts)
    if not loss and not judged:
        return paragraph("There is no learning curve: this run logged no training step.", "empty")
    note = ""
    if judged:
        step, value = best_point(judged[0], facts)
        note = f"Best {facts.metric(judged[0].key).label}: {number(value, 3)} at step {count(round(step))}."
    shown = series(judged, facts)
    title = f"Scores, {split_name(judged[0].split)}" if len({c.split for c in judged}) == 1 else "Scores"
    scores = _line_figure(title, shown, facts, note, share=all(_is_share(curve, facts) for curve in judged))
    return side_by_side(_loss_figure(loss, facts), scores)


def _is_share(curve: Curve, facts: Facts) -> bool:
    """True for a metric whose best value is 1."""
    return curve.key in facts.metrics and facts.metric(curve.key).higher


def _line_figure(title: str, shown: Sequence[Series], facts: Facts, note: str = "", *, share: bool = False) -> str:
    html = line_chart(shown, title=title, phases=facts.phases, share=share)
    return figure(title, html, keys=line_legend(s.name for s in shown), note=note)


def _loss_figure(loss: list[Curve], facts: Facts) -> str:
    longest = max((group_size(curve.points) for curve in loss), default=1)
    note = f"Each drawn point averages {longest} logged ones." if longest > 1 else ""
    return _line_figure("Loss", series(loss, facts), facts, note)


def other_curves(facts: Facts) -> str:
    """A small chart for each logged value that is not in the learning curve, without the learning rates."""
    known = curves(facts.curves)
    seen = {*loss_curves(known), *metric_curves(known, facts)}
    rest = [c for c in known if c not in seen and not is_rate(c.key)][:MOST_SMALL_CHARTS]
    if not rest:
        return ""
    charts = []
    for one in rest:
        name = f"{facts.metric(one.key).label}, {split_name(one.split)}"
        charts.append(_line_figure(name, series([one], facts), facts, share=_is_share(one, facts)))
    return details(f"Other logged values ({len(rest)})", f'<div class="row small">{"".join(charts)}</div>')


def training(facts: Facts) -> str:
    """The timeline of the parts over steps, the learning rates, and a table of the phases."""
    real = [p for p in facts.phases if p.last >= p.first]
    if not real:
        words = "No part learned: this run took no training step."
        return section("training", "What learned when", paragraph(words, "empty"))
    known = [r for p in real for r in p.rates.values() if r is not None and r > 0]
    lead = "Each row is a part of the model, deepest on top; colour shows its learning rate, hatching means frozen."
    drawn = timeline(real, title=_timeline_title(real))
    chart = figure("Learning rate by part and step", drawn, keys=_timeline_legend(known), scroll=True)
    below = side_by_side(_rates(facts), f"<div>{_phase_table(facts)}</div>")
    return section("training", "What learned when", paragraph(lead, "lead"), chart, below, other_curves(facts))


def _rates(facts: Facts) -> str:
    return _line_figure("Learning rate over steps", rate_lines(curves(facts.curves))[:LINE_STYLES], facts)


def _timeline_title(phases: list[PhaseFact]) -> str:
    learned = [f"{p.name}: {_learning_parts(p)} of {len(p.rates)} parts learn" for p in phases]
    return f"Timeline of parts by steps. {'; '.join(learned)}"


def _learning_parts(phase: PhaseFact) -> int:
    return sum(r is not None for r in phase.rates.values())


def _timeline_legend(known: list[float]) -> str:
    keys = [legend_entry(rect((0, 0, 26, 12), "frozen"), "frozen")]
    low, high = min(known, default=1.0), max(known, default=1.0)
    ends = sorted({low, high}) if known else []
    keys += [
        legend_entry(rect((0, 0, 26, 12), "heat", opacity=rate_opacity(end, low, high)), rate(end)) for end in ends
    ]
    return "".join(keys)


def _phase_table(facts: Facts) -> str:
    learned = facts.model.learned if facts.model else {}
    rows = []
    for phase in facts.phases:
        steps = f"{count(phase.first)} to {count(phase.last)}" if phase.last >= phase.first else "none"
        cells = [
            text_cell(phase.name),
            number_cell(phase.first, steps),
            number_cell(phase.epochs, f"{round(phase.epochs, 2):g}"),
        ]
        cells.append(number_cell(_learning_parts(phase), f"{_learning_parts(phase)} of {len(phase.rates)}"))
        if learned:
            amount = learned.get(phase.name)
            cells.append(number_cell(amount, "" if amount is None else count(amount)))
        rows.append(cells)
    head = ["phase", "steps", "epochs", "parts", *(["parameters"] if learned else [])]
    return subheading("What learns in each phase") + table("What learns in each phase", head, rows)
