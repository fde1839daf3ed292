"""Spans of a text, from the tags of its words or as marked by their characters; and the words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tl.components.sample import Span, Spans
from tl.errors import TLError

OUTSIDE = "O"
_WORD = re.compile(r"[@#]?\w+(?:['’.-]\w+)*|[^\w\s]")
_BEGINS, _ENDS, _MARKS = "BSU", "ESLU", "BIESLU"


class Tag(NamedTuple):
    """The tag of a word: B begins a span, I and E go on with one, E ends it, S is a span of one word; O is outside."""

    mark: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Tag | None:
        """The tag that is written O, B-X, I-X, E-X or S-X (BILOU has L and U for E and S); None for another text."""
        mark, dash, name = text.partition("-")
        if text == OUTSIDE:
            return cls(OUTSIDE, "")
        return cls(mark, name) if mark in [*_MARKS] and dash and name else None


def words_of(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand: runs of letters and digits, and each other sign that is no space."""
    return [found.span() for found in _WORD.finditer(text)]


def spans_of(words: Sequence[tuple[int, int]], tags: Sequence[Tag]) -> tuple[tuple[Span, ...], int]:
    """The spans that tags mark, and how many of them begin with a tag that should go on with one.

    Such a span begins at the first word that no open span of its class reaches, as in CoNLL's own script (2003).
    """
    found: list[Span] = []
    unbegun, is_open = 0, False
    for (begin, end), (mark, name) in zip(words, tags, strict=True):
        goes_on = is_open and mark not in _BEGINS and found[-1].name == name
        if goes_on:
            found[-1] = found[-1]._replace(end=end)
        elif mark != OUTSIDE:
            unbegun += mark not in _BEGINS
            found.append(Span(begin, end, name))
        is_open = mark != OUTSIDE and mark not in _ENDS
    return tuple(found), unbegun


def marked(text: str, spans: Iterable[Span]) -> Spans:
    """The spans of a text with its words, which end where a span begins or ends; TLError for spans that cannot be."""
    ordered = sorted(spans)
    last: Span | None = None
    for span in ordered:
        said = f"the span {span.begin} to {span.end} of '{span.name}'"
        if not 0 <= span.begin < span.end <= len(text):
            raise TLError(f"{said} is not within the text, which has {len(text)} characters: mend its numbers.")
        if not text[span.begin : span.end].strip():
            raise TLError(f"{said} holds nothing but spaces: mend its numbers.")
        if last is not None and span.begin < last.end:
            other = f"the span {last.begin} to {last.end} of '{last.name}'"
            raise TLError(f"{said} overlaps {other}, but a word has one tag: keep one of them.")
        last = span
    trimmed = tuple(_trimmed(text, span) for span in ordered)
    return Spans(trimmed, tuple(_cut(words_of(text), trimmed)))


def _trimmed(text: str, span: Span) -> Span:
    inner = text[span.begin : span.end]
    begin = span.begin + len(inner) - len(inner.lstrip())
    return Span(begin, begin + len(inner.strip()), span.name)


def _cut(words: Iterable[tuple[int, int]], spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """The words, cut where a span begins or ends within one of them."""
    borders = sorted({border for span in spans for border in (span.begin, span.end)})
    place = 0
    for begin, end in words:
        while place < len(borders) and borders[place] <= begin:
            place += 1
        while place < len(borders) and borders[place] < end:
            yield begin, borders[place]
            begin, place = borders[place], place + 1
        yield begin, end
