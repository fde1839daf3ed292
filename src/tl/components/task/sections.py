"""Parts of the report that tasks with classes share: the table of classes, single mistakes, and the calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tl.components.task.judged import Judged, shown
from tl.components.task.pooled import scored
from tl.metrics.calibration import reliability
from tl.metrics.measured import Scored
from tl.report.blocks import (
    Block,
    Card,
    Cell,
    ConfidenceBin,
    Gallery,
    Heading,
    Line,
    Number,
    Reliability,
    Row,
    Section,
    ShareCell,
    Table,
    Words,
)
from tl.report.words import count, number

_COLUMNS = {"precision": "precision", "recall": "recall", "f1": "F1", "iou": "IoU", "ap": "average precision"}


def class_table(found: Sequence[Mapping[str, Any]], word: str, things: str = "samples") -> list[Block]:
    """Precision, recall and F1 of each class, and average precision where it is known; `things` have the classes."""
    if not found:
        return []
    shares = [key for key in _COLUMNS if any(key in row for row in found)]
    rows: list[list[Cell]] = [
        [row["name"], Number(row["support"], count(row["support"])), *(ShareCell(row[key]) for key in shares)]
        for row in found
    ]
    head = [word, things, *(_COLUMNS[key] for key in shares)]
    return [Heading(f"By {word}"), Table(f"Scores by {word}", head, rows)]


def mistakes(cards: Sequence[Card]) -> list[Block]:
    """The worst mistakes, the surest first."""
    if not cards:
        return [Heading("Mistakes"), Words("Not one mistake on this split.", "empty")]
    lead = [Words(f"The {len(cards)} it was surest of, surest first.", "lead")] if len(cards) > 1 else []
    return [Heading("Mistakes"), *lead, Gallery(cards)]


def mistake(judged: Judged, number: int, said: str, true: str, sure: float) -> Card:
    """A card on a wrong answer to the sample of this number."""
    sample, lines = judged.samples[number], [Line("said", said), Line("true", true)]
    return Card(id=sample.id, lines=lines, sure=float(sure), **shown(sample, judged.may_show))


def confidence(judged: Judged | None, what: str, come: str) -> Section:
    """Reliability as trained and after temperature scaling (Guo et al. 2017): how often `what` of 0.8 `come`."""
    return Section("confidence", "Confidence", "Can its confidence be trusted?", _blocks(judged, what, come))


def _blocks(judged: Judged | None, what: str, come: str) -> list[Block]:
    before = _bins(scored(judged.raw)) if judged else []
    if judged is None or not any(one.count for one in before):
        return [Words("Its confidence was not checked.", "empty")]
    lead = f"On the dotted diagonal, {what} {come} 8 times in 10; a point below is too sure."
    charts = [Reliability(f"As trained, ECE {number(_ece(before), 3)}", before)]
    if (temperature := judged.temperature) is not None:
        after = _bins(scored(judged.found))
        charts.append(Reliability(f"After temperature {number(temperature)}, ECE {number(_ece(after), 3)}", after))
    note = "Faint bars and the size of a point show how many samples share a confidence. "
    note += "ECE, the expected calibration error, is the mean distance from the diagonal: 0 is best."
    return [
        Words(lead + _temperature_sentence(judged.temperature, judged.unfitted), "lead"),
        Row(charts),
        Words(note, "note"),
    ]


def _temperature_sentence(temperature: float | None, unfitted: str) -> str:
    """A sentence on temperature scaling; empty where there was no split to fit a temperature on."""
    if temperature is None:
        return f" {unfitted}" if unfitted else ""
    if 0.95 <= temperature <= 1.05:
        return " On the validation split its confidence needed no mending."
    sure, way = ("too sure", "lowers") if temperature > 1 else ("not sure enough", "raises")
    return f" On the validation split it was {sure}: a temperature of {number(temperature)} {way} its confidence."


def _bins(judged: Scored) -> list[ConfidenceBin]:
    return [
        ConfidenceBin(low=b.lo, high=b.hi, count=b.count, confidence=b.confidence, accuracy=b.accuracy)
        for b in reliability(judged.scores, judged.targets)
    ]


def _ece(bins: Sequence[ConfidenceBin]) -> float:
    gaps = [one.count * abs(one.confidence - one.accuracy) for one in bins if one.count]
    return sum(gaps) / sum(one.count for one in bins)
