"""Spans from tags and from characters."""

from __future__ import annotations

import pytest

from tl.components.data.spans import Tag, marked, spans_of, words_of
from tl.components.sample import Span
from tl.errors import TLError

TEXT = "Anna Li is in New York."


def spans(*tags: str) -> list[tuple[int, int, str]]:
    """The spans of words of one letter each: word i stands at 2 i."""
    parsed = [Tag.parse(tag) for tag in tags]
    assert None not in parsed
    found, _ = spans_of([(2 * i, 2 * i + 1) for i in range(len(tags))], [tag for tag in parsed if tag])
    return [tuple(span) for span in found]  # type: ignore[misc]


@pytest.mark.parametrize(
    "tags, expected",
    [
        (("B-a", "I-a", "O", "B-b"), [(0, 3, "a"), (6, 7, "b")]),
        (("B-a", "B-a"), [(0, 1, "a"), (2, 3, "a")]),
        (("B-a", "I-b"), [(0, 1, "a"), (2, 3, "b")]),
        (("I-a", "I-a", "B-a"), [(0, 3, "a"), (4, 5, "a")]),  # IOB1
        (("B-a", "I-a", "E-a", "S-a", "S-b"), [(0, 5, "a"), (6, 7, "a"), (8, 9, "b")]),
        (("B-a", "E-a", "I-a"), [(0, 3, "a"), (4, 5, "a")]),
        (("B-a", "L-a", "U-b"), [(0, 3, "a"), (4, 5, "b")]),  # BILOU
        (("O", "O"), []),
    ],
)
def test_tags_of_every_scheme_mark_spans(tags: tuple[str, ...], expected: list[tuple[int, int, str]]) -> None:
    assert spans(*tags) == expected


def test_spans_that_begin_with_a_tag_that_goes_on_are_counted() -> None:
    tags = [tag for text in ("I-a", "O", "I-b", "B-a") if (tag := Tag.parse(text))]
    assert spans_of([(0, 1), (2, 3), (4, 5), (6, 7)], tags)[1] == 2


@pytest.mark.parametrize("text", ["B", "B-", "X-a", "", "b-a", "BI-a", "person"])
def test_a_text_that_is_no_tag_is_none(text: str) -> None:
    assert Tag.parse(text) is None


def test_words_end_at_signs_and_keep_handles_and_hyphens() -> None:
    text = "I'm @home, state-of-the-art: #fun 3.5 Zoë!"
    words = ["I'm", "@home", ",", "state-of-the-art", ":", "#fun", "3.5", "Zoë", "!"]
    assert [text[begin:end] for begin, end in words_of(text)] == words


def test_marked_spans_are_trimmed_and_words_end_where_they_do() -> None:
    found = marked(TEXT, [Span(13, 22, "place"), Span(0, 7, "person")])
    assert found.spans == (Span(0, 7, "person"), Span(14, 22, "place"))
    assert found.names == ("person", "place")
    within = marked(TEXT, [Span(2, 7, "x")])
    assert [TEXT[b:e] for b, e in within.words][:3] == ["An", "na", "Li"]


@pytest.mark.parametrize(
    "spans, message",
    [
        ([Span(0, 7, "a"), Span(5, 9, "b")], r"the span 5 to 9 of 'b' overlaps the span 0 to 7 of 'a', but a word has"),
        ([Span(0, 7, "a"), Span(0, 7, "a")], r"overlaps"),
        ([Span(14, 90, "a")], r"the span 14 to 90 of 'a' is not within the text, which has 23 characters"),
        ([Span(-1, 3, "a")], r"is not within the text"),
        ([Span(3, 3, "a")], r"is not within the text"),
        ([Span(4, 5, "a")], r"holds nothing but spaces"),
    ],
)
def test_spans_that_cannot_be_are_refused(spans: list[Span], message: str) -> None:
    with pytest.raises(TLError, match=message):
        marked(TEXT, spans)
