"""Texts with marked stretches, against pieces cut by hand."""

from __future__ import annotations

import pytest

from tl.report.blocks import Card, Gallery, TextMark
from tl.report.marked import LONGEST_TEXT, stretches
from tl.report.page import draw

from .markup import Reader

TEXT = "She left New York City in May."


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], [(TEXT, "", ())]),
        (
            [TextMark(9, 22, "place", "right")],
            [("She left ", "", ()), ("New York City", "right", ("place",)), (" in May.", "", ())],
        ),
        (  # both begin alike, and the longer one goes on
            [TextMark(9, 17, "place", "spurious"), TextMark(9, 22, "place", "missed")],
            [
                ("She left ", "", ()),
                ("New York", "spurious missed", ("place spurious",)),
                (" City", "missed", ("place missed",)),
                (" in May.", "", ()),
            ],
        ),
        (  # the same stretch twice, with other labels
            [TextMark(0, 3, "person", "missed"), TextMark(0, 3, "place", "spurious")],
            [("She", "missed spurious", ("person missed", "place spurious")), (TEXT[3:], "", ())],
        ),
        ([TextMark(26, 99, "time", "right"), TextMark(4, 4, "none", "missed")], [(TEXT, "", ())]),  # outside; empty
    ],
)
def test_pieces(marks: list[TextMark], expected: list[tuple[str, str, tuple[str, ...]]]) -> None:
    assert stretches(TEXT, marks) == expected


def test_a_long_text_is_cut_around_what_errs() -> None:
    text = "a" * 1000 + "WRONG" + "b" * 1000
    found = stretches(text, [TextMark(0, 5, "x", "right"), TextMark(1000, 1005, "y", "missed")])
    assert [(one.text[:3], one.says) for one in found] == [
        ("…", ""), ("aaa", ""), ("WRO", "missed"), ("bbb", ""), ("…", ""),
    ]  # fmt: skip
    assert sum(len(one.text) for one in found) == LONGEST_TEXT + 2
    assert (
        "".join(one.text for one in stretches("c" * 400, [TextMark(399, 400, "z", "missed")]))[1:] == "c" * LONGEST_TEXT
    )


def test_a_card_shows_its_marks() -> None:
    page = Reader(draw([Gallery([Card(id="a", text=TEXT, marks=[TextMark(9, 22, "<place>", "missed")])])]))
    assert "She left New York City <place> missed in May." in page.text
    assert [a["class"] for tag, a in page.tags if tag == "mark"] == ["missed"]
