"""The blocks that a section of the report is made of, as plain data. README.md says how a block gets onto the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["", "lead", "note", "empty"]
"""How a paragraph is written: as usual, as an introduction, in small print, or in place of what is missing."""
Says = Literal["right", "missed", "spurious"]
"""What is said of a stretch of a text or of a box: found as it is, not found, or found where there is none."""


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Number:
    """A cell that shows `words` (None: the number, rounded) and is sorted by the value; None is written n/a."""

    value: float | None
    words: str | None = None


@dataclass(frozen=True)
class ShareCell:
    """A cell for a share between 0 and 1: a bar beside the number."""

    value: float


@dataclass(frozen=True)
class IntervalCell:
    """A cell for a value with the ends of its interval in small print; it is empty where the value is None."""

    value: float | None
    low: float | None = None
    high: float | None = None


Cell = str | Number | ShareCell | IntervalCell


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; a click on a head sorts. The caption is read by screen readers only."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Heatmap:
    """A confusion matrix and its commonest mistakes.

    `counts[i, j]` of the class i were taken for class j; a pair that did not occur is not in `counts`. `noun` is the
    plural of what is counted.
    """

    names: Sequence[str]
    counts: Mapping[tuple[int, int], int]
    noun: str = "samples"


@dataclass(frozen=True)
class Bars:
    """Counts of named things: `counts` maps a column, such as a split, to the count of each name."""

    caption: str
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class ConfidenceBin:
    """Answers whose confidence lies in (low, high]; `confidence` and `accuracy` are their means, nan for no answers."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Reliability:
    """How often answers of each confidence are right."""

    caption: str
    bins: Sequence[ConfidenceBin]


@dataclass(frozen=True)
class Scatter:
    """Predicted against true numbers, in the unit of the data."""

    name: str
    true: Sequence[float]
    predicted: Sequence[float]


@dataclass(frozen=True)
class Line:
    """What a card says in a line: a short tag, words, and beside them an aside. What was `said` stands out as wrong."""

    tag: Literal["said", "true"]
    words: str
    aside: str = ""


@dataclass(frozen=True)
class TextMark:
    """A stretch of a card's text, from character `start` to before `end`, with its label."""

    start: int
    end: int
    label: str
    says: Says


@dataclass(frozen=True)
class ShownBox:
    """A box on a card's picture, in shares of the picture's width and height from its left upper corner."""

    left: float
    top: float
    right: float
    bottom: float
    label: str
    says: Says


@dataclass(frozen=True, kw_only=True)
class Card:
    """A sample: its text or its picture (the bytes of a PNG or JPEG), and what is said of it.

    `marks` are stretches of the text, which may overlap. `boxes` and `mask`, a PNG that is transparent where the
    picture shall be seen, are drawn over the picture. `sure` is a confidence, drawn as a bar; `note` stands there else.
    """

    id: str
    lines: Sequence[Line] = ()
    text: str | None = None
    marks: Sequence[TextMark] = ()
    picture: bytes | None = None
    boxes: Sequence[ShownBox] = ()
    mask: bytes | None = None
    sure: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Cards in a grid."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Entries:
    """Names with their values; an entry without a value is left out."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Steps:
    """A numbered list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Lines of code as they stand; `wrapped` ones are broken where they are longer than the page is wide."""

    text: str
    wrapped: bool = True


@dataclass(frozen=True)
class Commands:
    """Commands of a shell, each with what it is for."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """Blocks side by side where the page is wide enough: equally wide, `small`, or the first one wider (`uneven`)."""

    blocks: Sequence[Block]
    kind: Literal["", "small", "uneven"] = ""


@dataclass(frozen=True)
class Group:
    """Blocks below each other, as one block of a row."""

    blocks: Sequence[Block]


@dataclass(frozen=True)
class Folded:
    """Blocks that are hidden below a summary until the reader opens it."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Series:
    """A named line through points (step, value); the line has a gap where the value is nan."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class PhaseBar:
    """A phase of steps `first` to `last`, both included and counted from 1; without steps, `last` is below `first`.

    `rates` maps each part, from backbone.0 to head, to its learning rate; None where the part is frozen.
    """

    name: str
    first: int
    last: int
    epochs: float
    rates: Mapping[str, float | None]


@dataclass(frozen=True)
class Curves:
    """Lines over steps and the borders between phases; `share` says that the best value is 1."""

    caption: str
    series: Sequence[Series]
    phases: Sequence[PhaseBar] = ()
    share: bool = False
    note: str = ""


@dataclass(frozen=True)
class Timeline:
    """A row for each part of the model over the steps, coloured by its learning rate."""

    phases: Sequence[PhaseBar]


Block = (
    Words | Heading | Table | Heatmap | Bars | Reliability | Scatter | Gallery | Entries | Steps | Code | Commands
    | Row | Group | Folded | Curves | Timeline
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A section of the page: its id, its word in the list of contents, its heading, and its blocks."""

    id: str
    menu: str
    heading: str
    blocks: Sequence[Block] = field(default_factory=tuple)
