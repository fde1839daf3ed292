"""One self-contained page about a run. The page makes no request, and can be read without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files

from tl.report import cards, mistakes, training, usage, verdict
from tl.report.facts import Facts
from tl.report.words import counted, esc, number

_SECTIONS: Mapping[str, tuple[str, Callable[[Facts], str]]] = {
    "scores": ("Scores", verdict.scores),
    "training": ("Training", training.training),
    "errors": ("Errors", mistakes.errors),
    "confidence": ("Confidence", cards.confidence),
    "usage": ("Use", usage.usage),
    "data": ("Data", cards.data),
    "model": ("Model", cards.model),
    "machine": ("Machine", cards.machine),
    "repeat": ("Repeat", cards.repeat),
}
"""The id of each section, its word in the list of contents, and the function that draws it; in the page's order."""


def render(facts: Facts) -> str:
    """The whole HTML document. Every string of the facts is escaped; where a fact is missing, a sentence says so."""
    script = _asset("page.js")
    sections = {name: draw(facts) for name, (_, draw) in _SECTIONS.items()}
    contents = _contents(name for name, html in sections.items() if html)
    return (
        f'<!doctype html>\n<html lang="en">\n{_head(facts, script)}\n<body>\n<main>'
        f"{_header(facts)}{contents}{''.join(sections.values())}</main>\n{_footer(facts)}\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return files("tl.report").joinpath(name).read_text(encoding="utf-8")


def _head(facts: Facts, script: str) -> str:
    """The head; its policy forbids every request, and every script but the page's own, whatever the data contains."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy += "; base-uri 'none'; form-action 'none'"  # which default-src does not stand for
    return (
        f'<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{esc(_tab_title(facts))}</title>\n<style>\n{_asset('page.css')}</style>\n</head>"
    )


def _tab_title(facts: Facts) -> str:
    known = facts.verdict
    return f"{facts.title}: {facts.metric(known.metric).label} {number(known.value)}" if known else facts.title


def _header(facts: Facts) -> str:
    origin = " · ".join(esc(one) for one in (facts.run, facts.created) if one)
    return (
        f'<header><h1 dir="auto">{esc(facts.title)}</h1><p class="origin">{origin}</p>'
        f'{_warnings(facts)}<p class="verdict">{esc(verdict.sentence(facts))}</p>{verdict.tiles(facts)}'
        f"{training.learning_curve(facts)}</header>"
    )


def _warnings(facts: Facts) -> str:
    if not facts.warnings:
        return ""
    items = "".join(f"<li>{esc(one)}</li>" for one in facts.warnings)
    heading = counted(len(facts.warnings), "warnings")
    return f'<aside class="warnings" aria-label="Warnings"><b>{esc(heading)}</b><ul>{items}</ul></aside>'


def _contents(names: Iterable[str]) -> str:
    links = "".join(f'<a href="#{name}">{_SECTIONS[name][0]}</a>' for name in names)
    return f'<nav aria-label="Contents">{links}</nav>'


def _footer(facts: Facts) -> str:
    version = facts.environment.versions.get("tl", "") if facts.environment else ""
    maker = f"Written by tl {esc(version)}. " if version else "Written by tl. "
    return f"<footer>{maker}One file; it loads nothing from elsewhere.</footer>"
