"""The HTML parts that every section is made of; text arguments are escaped here, arguments named html are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tl.report.charts import LINE_STYLES
from tl.report.words import esc, finite, interval, number

_WORDS = '<td dir="auto">'


def section(name: str, heading: str, *html: str) -> str:
    title = f'<h2 id="{name}-title">{esc(heading)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{title}{"".join(html)}</section>'


def paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{esc(words)}</p>' if kind else f"<p>{esc(words)}</p>"


def subheading(words: str) -> str:
    return f"<h3>{esc(words)}</h3>"


def row(*html: str) -> str:
    """Blocks side by side where the page is wide enough."""
    filled = [one for one in html if one]
    return f'<div class="row">{"".join(filled)}</div>' if filled else ""


def figure(caption: str, html: str, *, keys: str = "", note: str = "", scroll: bool = False) -> str:
    """A chart under its caption and legend; `scroll` lets a wide one keep its size on a narrow screen."""
    if not html:
        return ""
    legend = f'<span class="legend">{keys}</span>' if keys else ""
    inside = region(caption, html) if scroll else html
    below = f'<p class="note">{esc(note)}</p>' if note else ""
    return f"<figure><figcaption><b>{esc(caption)}</b>{legend}</figcaption>{inside}{below}</figure>"


def line_keys(names: Iterable[str]) -> str:
    """The legend of a line chart's series, in their order."""
    keys = []
    for i, name in enumerate(names):
        style = f"s{i % LINE_STYLES + 1}"
        marks = f'<path d="M1 6H25" class="line {style}"/><circle cx="13" cy="6" r="3" class="dot {style}"/>'
        keys.append(key(marks, name))
    return "".join(keys)


def key(marks: str, name: str) -> str:
    """One entry of a legend: shapes in a box of 26 by 12 and their name."""
    return f'<span class="key"><svg viewBox="0 0 26 12" aria-hidden="true">{marks}</svg>{esc(name)}</span>'


def region(label: str, html: str, kind: str = "") -> str:
    """A box that scrolls by itself and that the keyboard reaches."""
    return f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{esc(label)}">{html}</div>'


def table(caption: str, head: Iterable[str], rows: Sequence[Sequence[str]], *, tall: bool = False) -> str:
    """At least one row of cells from `td`, `num` and `bar`; a tall table scrolls. The script lets columns be sorted."""
    kinds = [' class="words"' if cell.startswith(_WORDS) else "" for cell in rows[0]]
    top = "".join(f'<th scope="col"{kind}>{esc(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    hidden = f'<caption class="hidden">{esc(caption)}</caption>'
    html = f'<table class="sort">{hidden}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return region(caption, html, "tall" if tall else "")


def td(words: object) -> str:
    return f"{_WORDS}{esc(words)}</td>"


def num(value: float | None, words: str | None = None) -> str:
    """A numeric cell that sorts by its value, whatever words show it."""
    shown = number(value) if words is None else words
    return f'<td class="num" data-v="{_order(value)}">{esc(shown)}</td>'


def score(value: float | None, low: float | None, high: float | None) -> str:
    """A numeric cell with the interval in small print; empty for None."""
    if value is None:
        return '<td class="num"></td>'
    small = f"<small>{esc(interval(low, high))}</small>"
    return f'<td class="num" data-v="{_order(value)}">{esc(number(value, 3))}{small}</td>'


def bar(value: float) -> str:
    """A numeric cell for a share of 1, with a bar beside the number."""
    known = finite(value)
    if known is None:
        return num(value)
    return f'<td class="num" data-v="{_order(value)}">{meter(known, "meter")}{esc(number(known))}</td>'


def meter(share: float, kind: str) -> str:
    """A bar as long as the share of 1."""
    return f'<span class="{kind}"><i style="width:{round(100 * min(1.0, max(0.0, share)))}%"></i></span>'


def _order(value: float | None) -> str:
    known = finite(value)
    return "" if known is None else repr(known)


def pairs(entries: Iterable[tuple[str, str]]) -> str:
    """Names with their values; entries without a value are left out."""
    filled = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in entries if value)
    return f"<dl>{filled}</dl>" if filled else ""


def details(summary: str, html: str) -> str:
    return f"<details><summary>{esc(summary)}</summary>{html}</details>"


def tile(label: str, value: str, note: str = "", *, html: str = "", main: bool = False) -> str:
    head = f'<span class="label">{esc(label)}</span><span class="value">{esc(value)}</span>'
    below = f'<span class="note">{esc(note)}</span>' if note else ""
    return f'<div class="{"tile main" if main else "tile"}">{head}{html}{below}</div>'
