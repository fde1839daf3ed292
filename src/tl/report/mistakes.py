"""The section on errors: which class is taken for which, scores of each class, and single mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from tl.report.blocks import (
    figure,
    number_cell,
    paragraph,
    section,
    share_bar,
    share_cell,
    side_by_side,
    subheading,
    table,
    text_cell,
)
from tl.report.charts import scatter
from tl.report.facts import ClassFact, Confusion, Facts, Residual, WrongAnswer
from tl.report.grids import MOST_CLASSES, heat_map, most_confused, worst_pairs
from tl.report.thumbnail import data_uri
from tl.report.words import count, counted, esc, finite, number, shorten

MOST_MISTAKES = 24
MOST_SCATTERS = 6
LONGEST_TEXT = 360


def errors(facts: Facts) -> str:
    """The section, for outputs of any kind."""
    if facts.kind == "number":
        return section("errors", "Where it errs", _scatters(facts), _residuals(facts))
    return section("errors", "Where it errs", _confusion(facts), class_table(facts), _gallery(facts))


def _confusion(facts: Facts) -> str:
    if facts.kind == "multi":
        return "" if facts.classes else paragraph("No label was judged.", "empty")
    confusion = facts.confusion
    if confusion is None or not any(confusion.counts.values()):
        return paragraph("There is no confusion matrix: no sample was judged.", "empty")
    if len(confusion.names) == 1:
        return paragraph(f"There is only one class, {confusion.names[0]}: none can be taken for another.", "empty")
    shown = most_confused(confusion)
    note = "Rows are the true class, columns the answer. Blue is right, orange wrong; deeper is a larger share."
    if len(shown.names) < len(confusion.names):
        note += f" Shown are the {MOST_CLASSES} of {len(confusion.names)} classes with the most mistakes."
    chart = figure("Confusion matrix", heat_map(shown, title=_matrix_title(confusion)), note=note, scroll=True)
    return f'<div class="row uneven">{chart}{_commonest_mistakes(confusion)}</div>'


def _matrix_title(confusion: Confusion) -> str:
    right = sum(times for (true, said), times in confusion.counts.items() if true == said)
    total = sum(confusion.counts.values())
    return f"Confusion matrix of {len(confusion.names)} classes: {right} of {total} samples are right"


def _commonest_mistakes(confusion: Confusion) -> str:
    worst = worst_pairs(confusion)
    if not worst:
        return f"<div>{paragraph('No class was taken for another.', 'empty')}</div>"
    items = "".join(
        f'<li><b>{times} ×</b> <span dir="auto">{esc(true)}</span> <span class="arrow">taken for</span> '
        f'<span dir="auto">{esc(said)}</span></li>'
        for true, said, times in worst
    )
    return f"<div>{subheading('Commonest mistakes')}<ol class=pairs>{items}</ol></div>"


def class_table(facts: Facts) -> str:
    """Precision, recall and F1 of each class, and average precision where it is known."""
    if not facts.classes:
        return ""
    word = "label" if facts.kind == "multi" else "class"
    ranked = any(one.ap is not None for one in facts.classes)
    head = [word, "samples", "precision", "recall", "F1", *(["average precision"] if ranked else [])]
    rows = [_class_row(one, ranked) for one in facts.classes]
    return subheading(f"By {word}") + table(f"Scores by {word}", head, rows, tall=len(rows) > 15)


def _class_row(one: ClassFact, ranked: bool) -> list[str]:
    cells = [
        text_cell(one.name),
        number_cell(one.support, count(one.support)),
        share_cell(one.precision),
        share_cell(one.recall),
        share_cell(one.f1),
    ]
    if ranked:
        cells.append(number_cell(None) if one.ap is None else share_cell(one.ap))
    return cells


def _gallery(facts: Facts) -> str:
    if facts.mistakes is None:
        return ""
    if not facts.mistakes:
        return subheading("Mistakes") + paragraph("Not one mistake on this split.", "empty")
    worst = sorted(facts.mistakes, key=lambda m: -(m.confidence or 0.0))[:MOST_MISTAKES]
    told = [m for m in worst if m.confidence is not None]
    lead = f"The {len(worst)} it was surest of, surest first." if len(worst) > 1 and told else ""
    heading = subheading("Mistakes") + (paragraph(lead, "lead") if lead else "")
    return heading + _cards([(m, _mistake_lines(m)) for m in worst])


def _mistake_lines(mistake: WrongAnswer) -> str:
    sure = finite(mistake.confidence)
    share = "" if sure is None else share_bar(sure, "sure") + number(sure)
    return (
        f'<p class="said"><span class="tag">said</span> <b dir="auto">{esc(mistake.predicted or "nothing")}</b></p>'
        f'<p class="truth"><span class="tag">true</span> <b dir="auto">{esc(mistake.true or "nothing")}</b></p>'
        f'<p class="sureness">{share}</p>'
    )


def _cards(entries: Sequence[tuple[WrongAnswer | Residual, str]]) -> str:
    """Cards in a grid, each with the HTML of its lines; the cards are wider where any of them has text."""
    kind = "texts" if any(one.text for one, _ in entries) else "pictures"
    return f'<ul class="cards {kind}">{"".join(_card(one, html) for one, html in entries)}</ul>'


def _card(one: WrongAnswer | Residual, html: str) -> str:
    uri = data_uri(one.thumbnail) if one.thumbnail else None
    picture = f'<img src="{uri}" alt="{esc(one.id)}" loading="lazy">' if uri else ""
    if one.thumbnail and not uri:
        picture = '<p class="empty">no picture</p>'
    words = f'<blockquote dir="auto">{esc(shorten(one.text, LONGEST_TEXT))}</blockquote>' if one.text else ""
    return f'<li>{picture}{words}{html}<p class="id" title="{esc(one.id)}">{esc(shorten(one.id, 44))}</p></li>'


def _scatters(facts: Facts) -> str:
    charts = []
    for one in facts.scatters[:MOST_SCATTERS]:
        title = f"{one.name}: predicted against true, {count(len(one.true))} points"
        charts.append(figure(f"{one.name}", scatter(one.true, one.predicted, title=title)))
    if not any(charts):
        return paragraph("There is nothing to compare: no sample was judged.", "empty")
    lead = "On the dotted diagonal the prediction is exact; above it is too high, below it too low."
    more = len(facts.scatters) - MOST_SCATTERS
    rest = paragraph(f"{counted(more, 'further targets')} not shown.", "note") if more > 0 else ""
    return paragraph(lead, "lead") + side_by_side(*charts) + rest


def _residuals(facts: Facts) -> str:
    if not facts.residuals:
        return ""
    worst = sorted(facts.residuals, key=lambda r: -abs(finite(r.predicted - r.true) or 0.0))[:MOST_MISTAKES]
    heading = subheading("Largest errors")
    if any(r.text or r.thumbnail for r in worst):
        return heading + _cards([(r, _residual_lines(r)) for r in worst])
    rows = [
        [
            text_cell(r.id),
            text_cell(r.target),
            number_cell(r.true),
            number_cell(r.predicted),
            number_cell(r.predicted - r.true),
        ]
        for r in worst
    ]
    return heading + table("Largest errors", ["id", "target", "true", "predicted", "error"], rows, tall=len(rows) > 15)


def _residual_lines(residual: Residual) -> str:
    gap = residual.predicted - residual.true
    sign = "+" if gap > 0 else ""
    return (
        f'<p class="said"><span class="tag">said</span> <b>{esc(number(residual.predicted))}</b> '
        f'<span class="off">{esc(sign + number(gap))}</span></p>'
        f'<p class="truth"><span class="tag">true</span> <b>{esc(number(residual.true))}</b></p>'
        f'<p class="sureness">{esc(residual.target)}</p>'
    )
