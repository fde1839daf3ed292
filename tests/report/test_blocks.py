"""Each block is drawn by the template of its name, and says so where it has nothing to show."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from tl.report import blocks, page
from tl.report.blocks import (
    Block,
    Card,
    Commands,
    Entries,
    Folded,
    Gallery,
    Heatmap,
    IntervalCell,
    Line,
    Number,
    Row,
    Scatter,
    Section,
    ShareCell,
    ShownBox,
    Steps,
    Table,
    TextMark,
    Words,
)
from tl.report.facts import Facts
from tl.report.figures import drawn
from tl.report.page import draw, render

from .examples import EVIL, TEMPLATE, png
from .markup import Reader


def read(*shown: Block) -> Reader:
    return Reader(draw(shown))


def test_every_block_has_a_template_and_every_template_a_block() -> None:
    names = {path.name.removesuffix(".html") for path in files("tl.report").joinpath("templates").iterdir()}
    charts = {"Heatmap", "Bars", "Reliability", "Scatter", "Curves", "Timeline"}
    plain = {one.__name__.lower() for one in get_args(Block) if one.__name__ not in charts}
    assert names == {"page", "figure", "commonmistakes"} | plain


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Heatmap(["a", "b"], {}), "no sample was judged"),
        (Heatmap(["a"], {(0, 0): 3}), "only one class, a"),
        (Heatmap(["a", "b"], {(0, 0): 3, (1, 1): 3}), "No class was taken for another"),
        (Heatmap(["a", "b"], {(0, 1): 3}), "3 × a taken for b"),
        (Heatmap(["a", "b"], {(0, 1): 3, (0, 0): 5}, "words"), "5 of 8 words are right"),
        (Scatter("a", [math.nan], [1.0]), "nothing to compare"),
        (Gallery([Card(id="a", picture=b"GIF89a")]), "no picture"),
        (Gallery([Card(id="a", picture=b"GIF89a", boxes=[ShownBox(0, 0, 1, 1, "b", "right")])]), "no picture"),
        (Table("t", ["a"], [[IntervalCell(0.5, 0.25, 0.75)]]), "0.500 0.25–0.75"),
        (Table("t", ["a"], [[ShareCell(math.nan)]]), "n/a"),
        (Commands([("tl predict", "an answer")]), "# an answer tl predict"),
    ],
)
def test_what_a_block_says(block: Block, expected: str) -> None:
    assert expected in read(block).text


def test_a_block_without_anything_to_draw_leaves_no_box() -> None:
    assert draw([Row([]), Row([Row([])])]) == ""
    assert "none" not in read(Entries([("none", ""), ("one", "1")])).text


def test_a_table_is_sorted_by_values_and_not_by_words() -> None:
    row = ["a", Number(1200.0, "1.2k"), ShareCell(0.25), IntervalCell(None), IntervalCell(-3.0)]
    page = read(Table("t", ["a", "b", "c", "d", "e"], [row]))
    cells = [a for tag, a in page.tags if tag == "td"]
    assert [a.get("data-v") for a in cells] == [None, "1200.0", "0.25", None, "-3.0"]
    assert [a.get("class") for tag, a in page.tags if tag == "th"] == ["words", None, None, None, None]
    assert [a["style"] for tag, a in page.tags if tag == "i"] == ["width:25%"]


@pytest.mark.parametrize("size", [2, 30, 31, 100])
def test_a_confusion_of_any_number_of_classes_stays_readable(size: int) -> None:
    names = [f"class {i}" for i in range(size)]
    page = read(Heatmap(names, {(i, i): 10 for i in range(size)} | {(i, i - 1): i for i in range(1, size)}))
    assert ("Shown are the 30 of" in page.text) == (size > 30)
    cells = [a for tag, a in page.tags if tag == "rect" and (a.get("class") or "") in ("heat", "miss", "none")]
    assert len(cells) == min(size, 30) ** 2


@pytest.mark.parametrize("foul", [EVIL, TEMPLATE, "\u202eevil\u2066\x1b[2J", "lone \ud800"])
def test_foreign_text_of_every_block_is_harmless(foul: str) -> None:
    marks, boxes = [TextMark(0, 4, foul, "missed")], [ShownBox(0, 0, 1, 1, foul, "right")]
    cards = [
        Card(id=foul, text=foul, marks=marks, lines=[Line("said", foul, foul)], note=foul),
        Card(id=foul, picture=png(), boxes=boxes),
    ]
    html = draw([
        Words(foul), Row([Table(foul, [foul], [[foul]]), Entries([(foul, foul)])]), Steps([foul]),
        Folded(foul, [Commands([(foul, foul)])]), Heatmap([foul, foul], {(0, 1): 1}), Scatter(foul, [1.0], [2.0]),
        Gallery(cards),
    ])  # fmt: skip
    page = Reader(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    assert not re.search("[\u202e\u2066\x1b\ud800]", html)
    assert "49" not in page.text.replace("3.49", "")


def test_the_example_of_the_readme_is_drawn() -> None:
    readme = (Path(page.__file__).parent / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    known: dict[str, object] = {}
    exec(code[1], known)
    section = known["section"]
    assert isinstance(section, Section)
    html = render(Facts(title="t", skill="count objects", findings=[section]))
    assert f'<section id="{section.id}"' in html
    for block in section.blocks:
        assert draw([block]) in html
    for name in re.findall(r"`(\w+)` \|", readme):
        assert name in vars(blocks)


def test_a_chart_becomes_a_figure_and_a_figure_stays() -> None:
    figure = drawn(Scatter("a", [1.0], [2.0]))
    assert drawn(figure) is figure
    every = dict.fromkeys(product(range(2), repeat=2), 1)
    assert isinstance(drawn(Heatmap(["a", "b"], every)), Row)
