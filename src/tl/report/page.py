"""One self-contained page about a run: no request leaves it, and it works without its script."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from tl.report import cards, mistakes, training, verdict
from tl.report.facts import Facts
from tl.report.words import esc, number, some

_SECTIONS = {
    "scores": "Scores",
    "training": "Training",
    "errors": "Errors",
    "confidence": "Confidence",
    "data": "Data",
    "model": "Model",
    "machine": "Machine",
    "repeat": "Repeat",
}


def render(facts: Facts) -> str:
    """The whole HTML document; every string of the facts is escaped, missing facts become sentences."""
    script = _asset("page.js")
    sections = [
        verdict.results(facts),
        training.freezing(facts),
        mistakes.errors(facts),
        cards.confidence(facts),
        cards.data(facts),
        cards.model(facts),
        cards.environment(facts),
        cards.repeat(facts),
    ]
    body = "".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n{_head(facts, script)}\n<body>\n<main>'
        f"{_header(facts)}{_contents(body)}{body}</main>\n{_footer(facts)}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return files("tl.report").joinpath(name).read_text(encoding="utf-8")


def _head(facts: Facts, script: str) -> str:
    """The policy forbids every request and every script but ours, whatever the data contains."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        f'<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{esc(_tab(facts))}</title>\n<style>\n{_asset('page.css')}</style>\n</head>"
    )


def _tab(facts: Facts) -> str:
    known = facts.verdict
    return f"{facts.title}: {facts.metric(known.metric).label} {number(known.value)}" if known else facts.title


def _header(facts: Facts) -> str:
    origin = " · ".join(esc(one) for one in (facts.run, facts.created) if one)
    return (
        f'<header><h1 dir="auto">{esc(facts.title)}</h1><p class="origin">{origin}</p>'
        f'<p class="verdict">{esc(verdict.sentence(facts))}</p>{verdict.tiles(facts)}{_warnings(facts)}'
        f"{training.learning_curve(facts)}</header>"
    )


def _warnings(facts: Facts) -> str:
    if not facts.warnings:
        return ""
    items = "".join(f"<li>{esc(one)}</li>" for one in facts.warnings)
    heading = some(len(facts.warnings), "warnings")
    return f'<aside class="warnings" aria-label="Warnings"><b>{esc(heading)}</b><ul>{items}</ul></aside>'


def _contents(body: str) -> str:
    there = {name: words for name, words in _SECTIONS.items() if f'<section id="{name}"' in body}
    links = "".join(f'<a href="#{name}">{words}</a>' for name, words in there.items())
    return f'<nav aria-label="Contents">{links}</nav>'


def _footer(facts: Facts) -> str:
    version = facts.environment.versions.get("tl", "") if facts.environment else ""
    maker = f"Written by tl {esc(version)}. " if version else "Written by tl. "
    return f"<footer>{maker}One file; it loads nothing from elsewhere.</footer>"
