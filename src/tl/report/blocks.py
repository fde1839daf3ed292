"""The HTML parts that every section is made of. Text arguments are escaped here, arguments named `html` are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tl.report.charts import LINE_STYLES
from tl.report.words import esc, finite, interval, number

_TEXT_CELL = '<td dir="auto">'


def section(name: str, heading: str, *html: str) -> str:
    title = f'<h2 id="{name}-title">{esc(heading)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{title}{"".join(html)}</section>'


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph; `kind` holds its CSS classes."""
    return f'<p class="{kind}">{esc(words)}</p>' if kind else f"<p>{esc(words)}</p>"


def subheading(words: str) -> str:
    return f"<h3>{esc(words)}</h3>"


def side_by_side(*html: str) -> str:
    """Blocks side by side where the page is wide enough."""
    filled = [one for one in html if one]
    return f'<div class="row">{"".join(filled)}</div>' if filled else ""


def figure(caption: str, html: str, *, keys: str = "", note: str = "", scroll: bool = False) -> str:
    """A chart below its caption and legend (`keys`); with `scroll`, a wide chart keeps its size on a narrow screen."""
    if not html:
        return ""
    legend = f'<span class="legend">{keys}</span>' if keys else ""
    inside = scroll_box(caption, html) if scroll else html
    below = f'<p class="note">{esc(note)}</p>' if note else ""
    return f"<figure><figcaption><b>{esc(caption)}</b>{legend}</figcaption>{inside}{below}</figure>"


def line_legend(names: Iterable[str]) -> str:
    """The legend of a line chart, for the names of its series in their order."""
    keys = []
    for i, name in enumerate(names):
        style = f"s{i % LINE_STYLES + 1}"
        marks = f'<path d="M1 6H25" class="line {style}"/><circle cx="13" cy="6" r="3" class="dot {style}"/>'
        keys.append(legend_entry(marks, name))
    return "".join(keys)


def legend_entry(marks: str, name: str) -> str:
    """One entry of a legend: SVG shapes in a box of 26 by 12, and the name of what they mark."""
    return f'<span class="key"><svg viewBox="0 0 26 12" aria-hidden="true">{marks}</svg>{esc(name)}</span>'


def scroll_box(label: str, html: str, kind: str = "") -> str:
    """A box that scrolls on its own, and that the keyboard can reach."""
    return f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{esc(label)}">{html}</div>'


def table(caption: str, head: Iterable[str], rows: Sequence[Sequence[str]], *, tall: bool = False) -> str:
    """A table of at least one row, made of the cells below; a tall table scrolls. The page's script sorts columns."""
    kinds = [' class="words"' if cell.startswith(_TEXT_CELL) else "" for cell in rows[0]]
    top = "".join(f'<th scope="col"{kind}>{esc(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    hidden = f'<caption class="hidden">{esc(caption)}</caption>'
    html = f'<table class="sort">{hidden}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return scroll_box(caption, html, "tall" if tall else "")


def text_cell(words: object) -> str:
    return f"{_TEXT_CELL}{esc(words)}</td>"


def number_cell(value: float | None, words: str | None = None) -> str:
    """A numeric cell that shows `words` (None: the number) and sorts by its value."""
    shown = number(value) if words is None else words
    return f'<td class="num" data-v="{_sort_value(value)}">{esc(shown)}</td>'


def score_cell(value: float | None, low: float | None, high: float | None) -> str:
    """A numeric cell with the interval in small print; the cell is empty where the value is None."""
    if value is None:
        return '<td class="num"></td>'
    small = f"<small>{esc(interval(low, high))}</small>"
    return f'<td class="num" data-v="{_sort_value(value)}">{esc(number(value, 3))}{small}</td>'


def share_cell(value: float) -> str:
    """A numeric cell for a share between 0 and 1, with a bar beside the number."""
    known = finite(value)
    if known is None:
        return number_cell(value)
    return f'<td class="num" data-v="{_sort_value(value)}">{share_bar(known, "meter")}{esc(number(known))}</td>'


def share_bar(share: float, kind: str) -> str:
    """A bar that fills this share of its width; `kind` is its CSS class."""
    return f'<span class="{kind}"><i style="width:{round(100 * min(1.0, max(0.0, share)))}%"></i></span>'


def _sort_value(value: float | None) -> str:
    """What the page's script sorts a numeric cell by."""
    known = finite(value)
    return "" if known is None else repr(known)


def name_value_list(entries: Iterable[tuple[str, str]]) -> str:
    """Names with their values; entries without a value are left out."""
    filled = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in entries if value)
    return f"<dl>{filled}</dl>" if filled else ""


def details(summary: str, html: str) -> str:
    """A part of the page that is folded until the reader opens it."""
    return f"<details><summary>{esc(summary)}</summary>{html}</details>"


def tile(label: str, value: str, note: str = "", *, html: str = "", main: bool = False) -> str:
    """One key number with its label; the main one is larger."""
    head = f'<span class="label">{esc(label)}</span><span class="value">{esc(value)}</span>'
    below = f'<span class="note">{esc(note)}</span>' if note else ""
    return f'<div class="{"tile main" if main else "tile"}">{head}{html}{below}</div>'
