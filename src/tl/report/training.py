"""The learning curve, and the section on which part of the model learned when."""

from __future__ import annotations

from tl.report.blocks import Block, Cell, Curves, Folded, Group, Heading, Number, Row, Section, Table, Timeline, Words
from tl.report.charts import LINE_STYLES
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
from tl.report.facts import Facts
from tl.report.figures import counted_parts
from tl.report.words import count, number, split_name

MOST_SMALL_CHARTS = 24


def learning_curve(facts: Facts) -> list[Block]:
    """Charts of the loss and the main metric over steps; a sentence where the run took no step."""
    known = curves(facts.curves)
    loss, judged = loss_curves(known), metric_curves(known, facts)
    if not loss and not judged:
        return [Words("There is no learning curve: this run logged no training step.", "empty")]
    note = ""
    if judged:
        step, value = best_point(judged[0], facts)
        note = f"Best {facts.metric(judged[0].key).label}: {number(value, 3)} at step {count(round(step))}."
    title = f"Scores, {split_name(judged[0].split)}" if len({c.split for c in judged}) == 1 else "Scores"
    share = all(_is_share(curve, facts) for curve in judged)
    return [Row([_loss(loss, facts), Curves(title, series(judged, facts), facts.phases, share, note)])]


def _is_share(curve: Curve, facts: Facts) -> bool:
    """True for a metric whose best value is 1."""
    return curve.key in facts.metrics and facts.metric(curve.key).higher


def _loss(loss: list[Curve], facts: Facts) -> Curves:
    longest = max((group_size(curve.points) for curve in loss), default=1)
    note = f"Each drawn point averages {longest} logged ones." if longest > 1 else ""
    return Curves("Loss", series(loss, facts), facts.phases, note=note)


def other_curves(facts: Facts) -> list[Block]:
    """A small chart for each logged value that is not in the learning curve, without the learning rates."""
    known = curves(facts.curves)
    seen = {*loss_curves(known), *metric_curves(known, facts)}
    rest = [c for c in known if c not in seen and not is_rate(c.key)][:MOST_SMALL_CHARTS]
    if not rest:
        return []
    charts = []
    for one in rest:
        name = f"{facts.metric(one.key).label}, {split_name(one.split)}"
        charts.append(Curves(name, series([one], facts), facts.phases, _is_share(one, facts)))
    return [Folded(f"Other logged values ({len(rest)})", [Row(charts, "small")])]


def training(facts: Facts) -> Section:
    """The timeline of the parts over steps, the learning rates, and a table of the phases."""
    real = [p for p in facts.phases if p.last >= p.first]
    heading = "What learned when"
    if not real:
        words = Words("No part learned: this run took no training step.", "empty")
        return Section("training", "Training", heading, [words])
    lead = "Each row is a part of the model, deepest on top; colour shows its learning rate, hatching means frozen."
    rates = Curves("Learning rate over steps", rate_lines(curves(facts.curves))[:LINE_STYLES], facts.phases)
    below = Row([rates, Group(_phase_table(facts))])
    return Section("training", "Training", heading, [Words(lead, "lead"), Timeline(real), below, *other_curves(facts)])


def _phase_table(facts: Facts) -> list[Block]:
    learned = facts.model.learned if facts.model else {}
    rows = []
    for phase in facts.phases:
        steps = f"{count(phase.first)} to {count(phase.last)}" if phase.last >= phase.first else "none"
        parts = counted_parts(phase)
        cells: list[Cell] = [
            phase.name,
            Number(phase.first, steps),
            Number(phase.epochs, f"{round(phase.epochs, 2):g}"),
        ]
        cells.append(Number(parts, f"{parts} of {len(phase.rates)}"))
        if learned:
            amount = learned.get(phase.name)
            cells.append(Number(amount, "" if amount is None else count(amount)))
        rows.append(cells)
    head = ["phase", "steps", "epochs", "parts", *(["parameters"] if learned else [])]
    title = "What learns in each phase"
    return [Heading(title), Table(title, head, rows)]
