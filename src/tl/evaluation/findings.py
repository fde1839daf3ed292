"""What the report tells of single answers: tables, the calibration, and the worst mistakes, as blocks of the report."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tl.components.picture import open_image
from tl.components.sample import Sample
from tl.errors import TLError
from tl.evaluation.measured import measured
from tl.evaluation.outcome import Outcome, decisions
from tl.metrics.calibration import reliability
from tl.metrics.tables import confusion
from tl.report.blocks import (
    Bin,
    Block,
    Card,
    Cell,
    Gallery,
    Heading,
    Heatmap,
    Line,
    Number,
    Reliability,
    Row,
    Scatter,
    Section,
    Share,
    Table,
    Words,
)
from tl.report.words import clean, count, counted, number, shorten
from tl.space import Space

_SHOWN = 12
_THUMBNAIL = 192
_WIDEST = 40
_MOST_SCATTERS = 6
_COLUMNS = {"precision": "precision", "recall": "recall", "f1": "F1", "ap": "average precision"}

MayShow = Callable[[Sample], bool]


def skill(space: Space) -> str:
    """What a model of this space was to do, as the verdict says it; '' where there is nothing to tell apart."""
    size, first = len(space.names), shorten(space.names[0], _WIDEST)
    if space.kind == "single":
        if size == 1:
            return ""
        return f"tell {first} from {shorten(space.names[1], _WIDEST)}" if size == 2 else f"tell {size} groups apart"
    if space.kind == "multi":
        return f"find which of {size} labels apply" if size > 1 else f"find where {first} applies"
    return f"predict {clean(space.names[0]) if size == 1 else f'{size} numbers'}"


def findings(
    space: Space, judged: Outcome | None, temperature: float | None, unfitted: str = "", *, may_show: MayShow
) -> list[Section]:
    """The report's sections about single answers; `judged` is None where no split judges the run.

    `unfitted` says why there is no temperature. A picture that `may_show` is false for is left out, and its place says
    so.
    """
    if space.kind == "number":
        blocks = [*_scatters(judged), *_residuals(judged, may_show)]
        return [Section("errors", "Errors", "Where it errs", blocks)]
    blocks = [*_confusion(space, judged), *_class_table(space, judged), *_mistakes(judged, may_show)]
    sure = _confidence(space, judged, temperature, unfitted)
    return [
        Section("errors", "Errors", "Where it errs", blocks),
        Section("confidence", "Confidence", "Can its confidence be trusted?", sure),
    ]


def _confusion(space: Space, judged: Outcome | None) -> list[Block]:
    if space.kind == "multi":
        return [] if judged else [Words("No label was judged.", "empty")]
    return [Heatmap(space.names, confusion(judged.scores, judged.targets) if judged else {})]


def _class_table(space: Space, judged: Outcome | None) -> list[Block]:
    """Precision, recall and F1 of each class, and average precision where it is known."""
    found: list[dict[str, Any]] = measured(space, judged.scores, judged.targets).per_class() if judged else []
    if not found:
        return []
    word = "label" if space.kind == "multi" else "class"
    shares = [key for key in _COLUMNS if any(key in row for row in found)]
    rows: list[list[Cell]] = [
        [row["name"], Number(row["support"], count(row["support"])), *(Share(row[key]) for key in shares)]
        for row in found
    ]
    head = [word, "samples", *(_COLUMNS[key] for key in shares)]
    return [Heading(f"By {word}"), Table(f"Scores by {word}", head, rows)]


def _confidence(space: Space, judged: Outcome | None, temperature: float | None, unfitted: str) -> list[Block]:
    """Reliability as trained and after temperature scaling (Guo et al. 2017)."""
    before = _bins(judged.raw, judged.targets) if judged else []
    if judged is None or not any(one.count for one in before):
        return [Words("Its confidence was not checked.", "empty")]
    what, come = (
        ("labels of probability 0.8", "apply") if space.kind == "multi" else ("answers of confidence 0.8", "are right")
    )
    lead = f"On the dotted diagonal, {what} {come} 8 times in 10; a point below is too sure."
    charts = [Reliability(f"As trained, ECE {number(_ece(before), 3)}", before)]
    if temperature is not None:
        after = _bins(judged.scores, judged.targets)
        charts.append(Reliability(f"After temperature {number(temperature)}, ECE {number(_ece(after), 3)}", after))
    note = "Faint bars and the size of a point show how many samples share a confidence. "
    note += "ECE, the expected calibration error, is the mean distance from the diagonal: 0 is best."
    return [Words(lead + _temperature_sentence(temperature, unfitted), "lead"), Row(charts), Words(note, "note")]


def _temperature_sentence(temperature: float | None, unfitted: str) -> str:
    """A sentence on temperature scaling; empty where there was no split to fit a temperature on."""
    if temperature is None:
        return f" {unfitted}" if unfitted else ""
    if 0.95 <= temperature <= 1.05:
        return " On the validation split its confidence needed no mending."
    sure, way = ("too sure", "lowers") if temperature > 1 else ("not sure enough", "raises")
    return f" On the validation split it was {sure}: a temperature of {number(temperature)} {way} its confidence."


def _bins(scores: Any, targets: Any) -> list[Bin]:
    found = reliability(scores, targets)
    return [Bin(low=b.lo, high=b.hi, count=b.count, confidence=b.confidence, accuracy=b.accuracy) for b in found]


def _ece(bins: Sequence[Bin]) -> float:
    gaps = [one.count * abs(one.confidence - one.accuracy) for one in bins if one.count]
    return sum(gaps) / sum(one.count for one in bins)


def _mistakes(judged: Outcome | None, may_show: MayShow) -> list[Block]:
    if judged is None:
        return []
    cards = _wrong_labels(judged, may_show) if judged.space.kind == "multi" else _wrong_classes(judged, may_show)
    if not cards:
        return [Heading("Mistakes"), Words("Not one mistake on this split.", "empty")]
    lead = [Words(f"The {len(cards)} it was surest of, surest first.", "lead")] if len(cards) > 1 else []
    return [Heading("Mistakes"), *lead, Gallery(cards)]


def _wrong_classes(judged: Outcome, may_show: MayShow) -> list[Card]:
    """Wrongly predicted samples, the most confident first."""
    predicted = decisions(judged.space, judged.scores)
    wrong = [i for i in range(len(predicted)) if predicted[i] != judged.targets[i]]
    wrong.sort(key=lambda i: -judged.scores[i, predicted[i]])
    names = judged.space.names
    return [
        _mistake(
            judged.samples[i],
            names[int(predicted[i])],
            names[int(judged.targets[i])],
            judged.scores[i, predicted[i]],
            may_show,
        )
        for i in wrong[:_SHOWN]
    ]


def _wrong_labels(judged: Outcome, may_show: MayShow) -> list[Card]:
    """Labels wrongly predicted or left out, the most confident first; a sample may appear for several labels."""
    wrong = decisions(judged.space, judged.scores) != judged.targets
    sureness = np.where(judged.targets.astype(bool), 1 - judged.scores, judged.scores)
    order = np.argsort(-np.where(wrong, sureness, -1.0), axis=None)[: min(_SHOWN, int(wrong.sum()))]
    found = []
    for i, k in (divmod(int(cell), judged.space.dim) for cell in order):
        name = judged.space.names[k]
        true, said = (name, f"not {name}") if judged.targets[i, k] else (f"not {name}", name)
        found.append(_mistake(judged.samples[i], said, true, sureness[i, k], may_show))
    return found


def _mistake(sample: Sample, said: str, true: str, sure: float, may_show: MayShow) -> Card:
    lines = [Line("said", said), Line("true", true)]
    return Card(id=sample.id, lines=lines, sure=float(sure), **_shown(sample, may_show))


def _scatters(judged: Outcome | None) -> list[Block]:
    if judged is None or not len(judged.samples):
        return [Words("There is nothing to compare: no sample was judged.", "empty")]
    charts = [
        Scatter(name, judged.targets[:, i].tolist(), judged.scores[:, i].tolist())
        for i, name in enumerate(judged.space.names[:_MOST_SCATTERS])
    ]
    lead = "On the dotted diagonal the prediction is exact; above it is too high, below it too low."
    more = judged.space.dim - _MOST_SCATTERS
    rest = [Words(f"{counted(more, 'further targets')} not shown.", "note")] if more > 0 else []
    return [Words(lead, "lead"), Row(charts), *rest]


def _residuals(judged: Outcome | None, may_show: MayShow) -> list[Block]:
    if judged is None or not len(judged.samples):
        return []
    worst = (-abs(judged.scores - judged.targets)).ravel().argsort()[:_SHOWN]
    cards = []
    for i, k in (divmod(int(cell), judged.space.dim) for cell in worst):
        true, said = float(judged.targets[i, k]), float(judged.scores[i, k])
        aside = f"{'+' if said > true else ''}{number(said - true)}"
        lines = [Line("said", number(said), aside), Line("true", number(true))]
        shown = _shown(judged.samples[i], may_show)
        cards.append(Card(id=judged.samples[i].id, lines=lines, note=judged.space.names[k], **shown))
    return [Heading("Largest errors"), Gallery(cards)]


def _shown(sample: Sample, may_show: MayShow) -> dict[str, Any]:
    if isinstance(sample.input, str):
        return {"text": sample.input}
    if isinstance(sample.input, tuple):
        return {"text": " / ".join(sample.input)}
    if not may_show(sample):
        return {"text": "lies outside the data's folder and is not shown (report.elsewhere)"}
    try:
        image = open_image(sample.input)
    except TLError:
        return {"text": f"{sample.where} cannot be opened any more"}
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return {"picture": buffer.getvalue()}
