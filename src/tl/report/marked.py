"""A text whose stretches are marked, cut into pieces that lie in the same marks from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tl.report.blocks import TextMark
from tl.report.words import shorten

LONGEST_TEXT = 360
_BEFORE = 60  # characters that are shown before the first mark of a longer text


class Stretch(NamedTuple):
    """A piece of a text. `says` is what its marks say, '' outside of all; `ends` the words of marks that end here."""

    text: str
    says: str
    ends: tuple[str, ...]


def stretches(text: str, marks: Sequence[TextMark]) -> list[Stretch]:
    """The pieces of a text in their order. Of a longer text, a part of `LONGEST_TEXT` with the first mark that errs."""
    if not marks:
        return [Stretch(shorten(text, LONGEST_TEXT), "", ())]
    first, last = _part(text, marks)
    kept = [one for one in marks if first < one.end <= last and one.start < one.end]
    ends = {first, last, *(max(first, one.start) for one in kept), *(one.end for one in kept)}
    at = sorted(ends)
    pieces = [_piece(text, kept, start, end) for start, end in pairwise(at)]
    before, after = ("…" if first else ""), ("…" if last < len(text) else "")
    return [one for one in (Stretch(before, "", ()), *pieces, Stretch(after, "", ())) if one.text]


def _part(text: str, marks: Sequence[TextMark]) -> tuple[int, int]:
    if len(text) <= LONGEST_TEXT:
        return 0, len(text)
    wrong = [one.start for one in marks if one.says != "right"] or [one.start for one in marks]
    first = max(0, min(min(wrong) - _BEFORE, len(text) - LONGEST_TEXT))
    return first, first + LONGEST_TEXT


def _piece(text: str, marks: Sequence[TextMark], start: int, end: int) -> Stretch:
    over = [one for one in marks if one.start <= start and end <= one.end]
    words = tuple(_words(one) for one in over if one.end == end)
    return Stretch(text[start:end], " ".join(dict.fromkeys(one.says for one in over)), words)


def _words(mark: TextMark) -> str:
    """The label, and what is said of the stretch where it is not right: colour alone does not tell."""
    return mark.label if mark.says == "right" else f"{mark.label} {mark.says}"
