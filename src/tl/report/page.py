"""One self-contained page about a run. The page makes no request, and can be read without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tl.report import cards, training, verdict
from tl.report.blocks import Section
from tl.report.facts import Facts
from tl.report.figures import Drawn, drawn
from tl.report.marked import stretches
from tl.report.scene import scene
from tl.report.thumbnail import data_uri
from tl.report.words import counted, esc, finite, interval, number, shorten

if TYPE_CHECKING:
    from jinja2 import Environment


def render(facts: Facts) -> str:
    """The whole HTML document. Every string of the facts is escaped; where a fact is missing, a sentence says so.

    The policy of the page forbids every request, and every script but the page's own, whatever the data contains.
    """
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    known = facts.verdict
    return (
        _templates()
        .get_template("page.html")
        .render(
            facts=facts,
            policy=Markup(policy + "; base-uri 'none'; form-action 'none'"),  # which default-src does not stand for
            script=script,
            style=_asset("page.css"),
            tab=f"{facts.title}: {facts.metric(known.metric).label} {number(known.value)}" if known else facts.title,
            origin=" · ".join(one for one in (facts.run, facts.created) if one),
            verdict=verdict.sentence(facts),
            tiles=verdict.tiles(facts),
            curve=training.learning_curve(facts),
            sections=sections(facts),
            version=facts.environment.versions.get("tl", "") if facts.environment else "",
        )
    )


def sections(facts: Facts) -> list[Section]:
    """The sections of the page in their order."""
    usage = [] if facts.usage is None else [cards.usage(facts.usage)]
    about = [cards.data(facts), cards.model(facts), cards.machine(facts), cards.repeat(facts)]
    return [verdict.scores(facts), training.training(facts), *facts.findings, *usage, *about]


def draw(blocks: Iterable[Drawn]) -> Markup:
    """The HTML of blocks, each by the template of its name."""
    shown = map(drawn, blocks)
    return Markup().join(
        Markup(_templates().get_template(f"{_name(block)}.html").render(block=block)) for block in shown
    )


def _asset(name: str) -> Markup:
    return Markup(files("tl.report").joinpath(name).read_text(encoding="utf-8"))


def _name(value: object) -> str:
    return type(value).__name__.lower()


def _shown(value: Any) -> Markup:
    """What a template writes of a value: HTML as it is, of all else the text, escaped and with its controls visible."""
    return value if isinstance(value, Markup) else Markup(esc(value))


def _percent(share: float) -> int:
    return round(100 * min(1.0, max(0.0, share)))


@cache
def _templates() -> Environment:
    """The templates. `_shown` escapes every value that is written; autoescape escapes what is put together on the way.

    A name that a template does not know is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("tl.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (counted, finite, interval, number, repr, shorten)
    made.globals |= {one.__name__: one for one in words}
    made.globals |= {"draw": draw, "name_of": _name, "percent": _percent}
    made.globals |= {"picture": data_uri, "scene": scene, "stretches": stretches}
    return made
