"""The page: safe whatever the data holds, self-contained, well-formed, and sensible when facts are missing."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from tl.report.blocks import PhaseBar
from tl.report.facts import DataCard, Facts, Verdict
from tl.report.page import render

from .examples import EVIL, TEMPLATE, VARIANTS, multi, numeric, single
from .markup import Reader


def read(facts: Facts) -> Reader:
    return Reader(render(facts))


@pytest.mark.parametrize("facts", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_is_well_formed(facts: Facts) -> None:
    html = render(facts)
    page = Reader(html)
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    for svg in drawings:
        ElementTree.fromstring(svg)
    charts = [a for tag, a in page.tags if tag == "svg" and "chart" in (a.get("class") or "")]
    assert all(a["role"] == "img" and a["aria-label"] for a in charts)
    assert sum("id" in a and tag == "section" for tag, a in page.tags) >= 6
    names = [a["id"] for _, a in page.tags if "id" in a]
    assert len(names) == len(set(names))
    sections = [f"#{a['id']}" for tag, a in page.tags if tag == "section"]
    assert [a["href"] for tag, a in page.tags if tag == "a"] == sections


@pytest.mark.parametrize("facts", VARIANTS.values(), ids=VARIANTS)
def test_no_request_leaves_the_page(facts: Facts) -> None:
    html = render(facts)
    assert not re.findall(r"https?:|@import|url\((?!#)", html)
    for tag, attributes in Reader(html).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "srcset" not in attributes
        if "src" in attributes:
            assert (attributes["src"] or "").startswith("data:image/")


@pytest.mark.parametrize("facts", [single(EVIL, EVIL), multi(EVIL), numeric(EVIL)], ids=["single", "multi", "number"])
def test_foreign_text_is_escaped_everywhere(facts: Facts) -> None:
    html = render(facts)
    page = Reader(html)
    assert html.count("<script>") == html.count("</script>") == 1
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    assert len([tag for tag, _ in page.tags if tag == "img"]) == (facts.skill.startswith("tell"))
    assert EVIL in page.text


@pytest.mark.parametrize("make", [lambda name: single(name, name), multi, numeric], ids=["single", "multi", "number"])
def test_template_syntax_of_the_data_stays_text(make: Callable[[str], Facts]) -> None:
    """Every place that shows a plain word shows the syntax of templates as it is: none of it is run."""
    plain, syntax = (read(make(name)).text for name in ("word", TEMPLATE))
    assert plain.count("word") > 20
    assert syntax.count(TEMPLATE) >= 20
    assert "49" not in re.sub(r"\d\.49|49\.\d", "", syntax)
    assert "gone" not in syntax.replace(TEMPLATE, "").replace("# gone", "")


@pytest.mark.parametrize("change", ["\x00nul\x1b", "lone \ud800 surrogate", "x" * 4000, "", "\u202etrick", "日本" * 40])
def test_odd_text_survives(change: str) -> None:
    html = render(single(change, change))
    Reader(html)
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        ElementTree.fromstring(svg)
    assert b"\x00" not in html.encode("utf-8")


def test_the_policy_allows_exactly_the_script_of_the_page() -> None:
    html = render(single())
    script = html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    for directive in ("default-src", "base-uri", "form-action"):
        assert f"{directive} 'none'" in html


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"curves": ()}, "no learning curve"),
        ({"phases": ()}, "No part learned"),
        ({"phases": [PhaseBar(name="a", first=1, last=0, epochs=0, rates={"head": 1.0})]}, "No part learned"),
        ({"scores": {}}, "No split was scored"),
        ({"scores": {"test": {"accuracy": (math.nan, None, None)}}}, "n/a"),
        ({"data": None}, "Nothing is known about the data"),
        ({"model": None}, "Nothing is known about the model"),
        ({"environment": None}, "Nothing is known about the machine"),
        ({"command": "", "recipe": ""}, "No command was recorded"),
    ],
)
def test_missing_facts_become_sentences(change: dict[str, Any], expected: str) -> None:
    assert expected in read(replace(single(), **change)).text


def test_the_first_screen_holds_verdict_numbers_and_curve() -> None:
    head = render(single()).split("<nav")[0]
    for part in ("Tells cat from dog", "95\u00a0%\u00a0interval 0.63–0.72", "guessing scores 0.50", "1 min 1 s"):
        assert part in head
    assert head.count('<svg class="chart"') == 2


def test_no_warnings_no_box() -> None:
    assert "warnings" in render(single()).split("<body>")[1]
    assert "<aside" not in render(replace(single(), warnings=()))


@pytest.mark.parametrize("size", [2, 30, 31, 100])
def test_any_number_of_classes_stays_readable(size: int) -> None:
    card = DataCard(source="x", sizes={"train": 9}, counts={"train": {f"class {i}": i for i in range(size)}})
    text = read(replace(single(), data=card)).text
    assert ("15 commonest and the 15 rarest" in text) == (size > 30)


def test_what_speaks_against_a_run_is_read_before_its_numbers() -> None:
    page = render(replace(single(), warnings=["train and test share 3 exact duplicates"]))
    assert page.index("3 exact duplicates") < page.index('class="verdict"') < page.index('class="tiles"')


def test_an_error_is_drawn_beside_that_of_guessing() -> None:
    """On a scale from 0, where there is one to compare with."""
    assert "38.4 on the scale from 0 to 150" in render(numeric())
    bare = replace(numeric(), verdict=Verdict(metric="mae", split="test", value=38.44, low=35.0, high=42.0, n=300))
    assert "on the scale" not in render(bare)
