"""What the report tells of a run's judging split beside the verdict: tables, the calibration, the worst mistakes."""

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
from tl.report.facts import BinFact, Calibration, ClassFact, Confusion, Residual, Scatter, WrongAnswer

_SHOWN = 12
_THUMBNAIL = 192


def judgement(
    judged: Outcome, temperature: float | None, unfitted: str = "", *, may_show: Callable[[Sample], bool]
) -> dict[str, Any]:
    """The facts of the report about single answers; `unfitted` says why there is no temperature.

    A picture that `may_show` is false for is left out, and its place says so.
    """
    space = judged.space
    if space.kind == "number":
        columns = range(space.dim)
        pairs = [(judged.targets[:, i].tolist(), judged.scores[:, i].tolist()) for i in columns]
        scatters = [Scatter(name=n, true=t, predicted=p) for n, (t, p) in zip(space.names, pairs, strict=True)]
        return {"scatters": scatters, "residuals": _residuals(judged, may_show)}
    classes = [ClassFact(**row) for row in measured(space, judged.scores, judged.targets).per_class()]  # type: ignore[arg-type]
    found = {"classes": classes, "calibration": _calibration(judged, temperature, unfitted)}
    if space.kind == "multi":
        return {**found, "mistakes": _wrong_decisions(judged, may_show)}
    table = Confusion(names=space.names, counts=confusion(judged.scores, judged.targets))
    return {**found, "confusion": table, "mistakes": _mistakes(judged, may_show)}


def _calibration(judged: Outcome, temperature: float | None, unfitted: str) -> Calibration:
    before, after = _bins(judged.raw, judged.targets), _bins(judged.scores, judged.targets)
    if temperature is None:
        return Calibration(before=before, ece_before=_ece(before), unfitted=unfitted)
    return Calibration(
        before=before, ece_before=_ece(before), after=after, ece_after=_ece(after), temperature=temperature
    )


def _bins(scores: Any, targets: Any) -> list[BinFact]:
    found = reliability(scores, targets)
    return [BinFact(low=b.lo, high=b.hi, count=b.count, confidence=b.confidence, accuracy=b.accuracy) for b in found]


def _ece(bins: Sequence[BinFact]) -> float:
    gaps = [one.count * abs(one.confidence - one.accuracy) for one in bins if one.count]
    return sum(gaps) / sum(one.count for one in bins)


def _mistakes(judged: Outcome, may_show: Callable[[Sample], bool]) -> list[WrongAnswer]:
    predicted = decisions(judged.space, judged.scores)
    wrong = [i for i in range(len(predicted)) if predicted[i] != judged.targets[i]]
    wrong.sort(key=lambda i: -judged.scores[i, predicted[i]])
    names = judged.space.names
    return [
        WrongAnswer(
            id=judged.samples[i].id,
            true=names[int(judged.targets[i])],
            predicted=names[int(predicted[i])],
            confidence=float(judged.scores[i, predicted[i]]),
            **_shown(judged.samples[i], may_show),
        )
        for i in wrong[:_SHOWN]
    ]


def _wrong_decisions(judged: Outcome, may_show: Callable[[Sample], bool]) -> list[WrongAnswer]:
    """Labels wrongly predicted or left out, the most confident first; a sample may appear for several labels."""
    wrong = decisions(judged.space, judged.scores) != judged.targets
    sureness = np.where(judged.targets.astype(bool), 1 - judged.scores, judged.scores)
    order = np.argsort(-np.where(wrong, sureness, -1.0), axis=None)[: min(_SHOWN, int(wrong.sum()))]
    found = []
    for i, k in (divmod(int(cell), judged.space.dim) for cell in order):
        name = judged.space.names[k]
        true, said = (name, f"not {name}") if judged.targets[i, k] else (f"not {name}", name)
        sure, sample = float(sureness[i, k]), judged.samples[i]
        found.append(WrongAnswer(id=sample.id, true=true, predicted=said, confidence=sure, **_shown(sample, may_show)))
    return found


def _residuals(judged: Outcome, may_show: Callable[[Sample], bool]) -> list[Residual]:
    errors = abs(judged.scores - judged.targets)
    worst = (-errors).ravel().argsort()[:_SHOWN]
    cells = [divmod(int(cell), judged.space.dim) for cell in worst]
    return [
        Residual(
            id=judged.samples[i].id,
            target=judged.space.names[k],
            true=float(judged.targets[i, k]),
            predicted=float(judged.scores[i, k]),
            **_shown(judged.samples[i], may_show),
        )
        for i, k in cells
    ]


def _shown(sample: Sample, may_show: Callable[[Sample], bool]) -> dict[str, Any]:
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
    return {"thumbnail": buffer.getvalue()}
