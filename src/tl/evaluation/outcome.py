"""How a model did on a split: every metric with its 95 % interval, and a row of predictions for each sample."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.components.model import Model
from tl.components.sample import Sample
from tl.errors import TLError
from tl.evaluation.evaluator import Outputs
from tl.inputs.items import Items
from tl.metrics.bootstrap import intervals
from tl.metrics.catalogue import compute_metrics
from tl.metrics.classification import THRESHOLD
from tl.space import Space

MOST_COLUMNS = 1000
"""A run's own tables of predictions have a column for each class only up to this number of classes."""


@dataclass(frozen=True)
class Outcome:
    """`scores` are probabilities (N, C) or numbers (N, K); `raw` are the same scores before temperature scaling."""

    split: str
    space: Space
    samples: Sequence[Sample]
    scores: npt.NDArray[np.float64]
    raw: npt.NDArray[np.float64]
    targets: npt.NDArray[Any]
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    def as_json(self) -> dict[str, Any]:
        """The metrics with their intervals as plain data."""
        found = {
            name: {"value": value, "low": self.intervals[name][0], "high": self.intervals[name][1]}
            for name, value in self.values.items()
        }
        return {"split": self.split, "samples": len(self.samples), "metrics": found}

    def rows(self, most: float = math.inf) -> tuple[list[str], list[list[Any]]]:
        """A header, and for each sample its id, its target, the prediction and every score.

        Where there are more than `most` classes, only the scores of the true and the predicted class.
        """
        names = list(self.space.names)
        if self.space.kind == "number":
            header = ["id", *(f"true_{n}" for n in names), *(f"predicted_{n}" for n in names)]
            rows = [[s.id, *t, *p] for s, t, p in zip(self.samples, self.targets, self.scores, strict=True)]
            return header, rows
        answered, scores, columns = decisions(self.space, self.scores), self.scores, [f"p_{name}" for name in names]
        if len(names) > most and self.space.kind == "single":
            both = np.stack([self.targets.astype(np.int64), answered], axis=1)
            scores, columns = np.take_along_axis(scores, both, axis=1), ["p_true", "p_predicted"]
        true, predicted = ([self._labels(one) for one in some] for some in (self.targets, answered))
        rows = [[s.id, t, p, *q] for s, t, p, q in zip(self.samples, true, predicted, scores.tolist(), strict=True)]
        return ["id", "true", "predicted", *columns], rows

    def _labels(self, answer: Any) -> str:
        if self.space.kind == "single":
            return self.space.names[int(answer)]
        return ";".join(name for name, on in zip(self.space.names, answer, strict=True) if on)


def decisions(space: Space, scores: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """The predictions: class numbers (N,), 0/1 decisions at `THRESHOLD` (N, C), or the numbers themselves."""
    if space.kind == "single":
        return np.asarray(scores.argmax(-1))
    return (scores >= THRESHOLD).astype(int) if space.kind == "multi" else scores


def outcome(split: str, model: Model, items: Items, found: Outputs, temperature: float, resamples: int) -> Outcome:
    """The outcome of a model's outputs over a split, with 95 % bootstrap intervals from `resamples` resamples."""
    space, targets = items.space, found.targets.numpy()
    scores = found.scores(model, temperature)
    values = compute_metrics(space.kind, scores, targets, space.names)
    bounds = intervals(space.kind, scores, targets, seed=0, resamples=resamples)
    return Outcome(split, space, items.samples, scores, found.scores(model), targets, values, bounds)


def csv_text(header: list[str], rows: list[list[Any]]) -> str:
    """The rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_short(value) for value in row] for row in rows])
    return text.getvalue()


def _short(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def check_writable(key: str, path: Path, endings: Sequence[str] = (".csv", ".parquet")) -> None:
    """Check, before the work begins, that a file can be written there, and make its folder; TLError where it cannot."""
    if path.suffix not in endings:
        raise TLError(f"{key} '{path}' ends in none of {', '.join(endings)}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise TLError(f"{key} '{path}' needs pyarrow: pip install 'tl-toolkit[parquet]'.")
    new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise TLError(f"{key} '{path}' cannot be written: {error.strerror}.") from error
    if new:
        path.unlink()


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write rows as .csv or .parquet, by the ending of the name (`check_writable` refuses other endings)."""
    if path.suffix == ".csv":
        path.write_text(csv_text(header, rows), encoding="utf-8")
        return
    import pyarrow
    import pyarrow.parquet

    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
