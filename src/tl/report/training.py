"""How the run learned: its curves, and which part learned when."""

from __future__ import annotations

from collections.abc import Sequence

from tl.report.blocks import details, figure, key, line_keys, num, paragraph, row, section, subheading, table, td
from tl.report.charts import LINE_STYLES, Series, line_chart
from tl.report.curves import Curve, best, curves, is_rate, losses, metrics, rates, series, stretch
from tl.report.facts import Facts, PhaseFact
from tl.report.grids import depth, timeline
from tl.report.svg import rect
from tl.report.words import count, number, rate, split_name

MOST_SMALL_CHARTS = 24


def learning_curve(facts: Facts) -> str:
    """Loss and main metric over steps; a sentence where the run took no step."""
    known = curves(facts.curves)
    loss, judged = losses(known), metrics(known, facts)
    if not loss and not judged:
        return paragraph("There is no learning curve: this run logged no training step.", "empty")
    note = ""
    if judged:
        step, value = best(judged[0], facts)
        note = f"Best {facts.metric(judged[0].key).label}: {number(value, 3)} at step {count(round(step))}."
    shown = series(judged, facts)
    title = f"Scores, {split_name(judged[0].split)}" if len({c.split for c in judged}) == 1 else "Scores"
    scores = _lines(title, shown, facts, note)
    return row(_loss_figure(loss, facts), scores)


def _lines(title: str, shown: Sequence[Series], facts: Facts, note: str = "") -> str:
    html = line_chart(shown, title=title, phases=facts.phases)
    return figure(title, html, keys=line_keys(s.name for s in shown), note=note)


def _loss_figure(loss: list[Curve], facts: Facts) -> str:
    longest = max((stretch(curve.points) for curve in loss), default=1)
    note = f"Each drawn point averages {longest} logged ones." if longest > 1 else ""
    return _lines("Loss", series(loss, facts), facts, note)


def every_curve(facts: Facts) -> str:
    """A small chart for each logged value that the first screen left out."""
    known = curves(facts.curves)
    seen = {*losses(known), *metrics(known, facts)}
    rest = [c for c in known if c not in seen and not is_rate(c.key)][:MOST_SMALL_CHARTS]
    if not rest:
        return ""
    charts = []
    for one in rest:
        name = f"{facts.metric(one.key).label}, {split_name(one.split)}"
        charts.append(_lines(name, series([one], facts), facts))
    return details(f"Other logged values ({len(rest)})", f'<div class="row small">{"".join(charts)}</div>')


def freezing(facts: Facts) -> str:
    """The timeline of parts by steps, and the same as a table."""
    real = [p for p in facts.phases if p.last >= p.first]
    if not real:
        words = "No part learned: this run took no training step."
        return section("training", "What learned when", paragraph(words, "empty"))
    known = [r for p in real for r in p.rates.values() if r is not None and r > 0]
    lead = "Each row is a part of the model, deepest on top; colour shows its learning rate, hatching means frozen."
    drawn = timeline(real, title=_spoken(real))
    chart = figure("Learning rate by part and step", drawn, keys=_shades(known), scroll=True)
    below = row(_rates(facts), f"<div>{_phase_table(facts)}</div>")
    return section("training", "What learned when", paragraph(lead, "lead"), chart, below, every_curve(facts))


def _rates(facts: Facts) -> str:
    return _lines("Learning rate over steps", rates(curves(facts.curves))[:LINE_STYLES], facts)


def _spoken(phases: list[PhaseFact]) -> str:
    learned = [f"{p.name}: {_open_parts(p)} of {len(p.rates)} parts learn" for p in phases]
    return f"Timeline of parts by steps. {'; '.join(learned)}"


def _open_parts(phase: PhaseFact) -> int:
    return sum(r is not None for r in phase.rates.values())


def _shades(known: list[float]) -> str:
    keys = [key(rect((0, 0, 26, 12), "frozen"), "frozen")]
    low, high = min(known, default=1.0), max(known, default=1.0)
    ends = sorted({low, high}) if known else []
    keys += [key(rect((0, 0, 26, 12), "heat", opacity=depth(end, low, high)), rate(end)) for end in ends]
    return "".join(keys)


def _phase_table(facts: Facts) -> str:
    learned = facts.model.learned if facts.model else {}
    rows = []
    for phase in facts.phases:
        steps = f"{count(phase.first)} to {count(phase.last)}" if phase.last >= phase.first else "none"
        cells = [td(phase.name), num(phase.first, steps), num(phase.epochs, f"{round(phase.epochs, 2):g}")]
        cells.append(num(_open_parts(phase), f"{_open_parts(phase)} of {len(phase.rates)}"))
        if learned:
            amount = learned.get(phase.name)
            cells.append(num(amount, "" if amount is None else count(amount)))
        rows.append(cells)
    head = ["phase", "steps", "epochs", "parts", *(["parameters"] if learned else [])]
    return subheading("What learns in each phase") + table("What learns in each phase", head, rows)
