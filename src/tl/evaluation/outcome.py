"""How a model did on a split: every metric with its 95 % interval, and a row of predictions for each sample."""

from __future__ import annotations

import csv
import errno
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.components.model import Model
from tl.components.sample import Sample
from tl.disk.folder import Folder, refuse_link, replacing, write_whole
from tl.errors import TLError
from tl.evaluation.evaluator import Outputs
from tl.evaluation.measured import measured
from tl.inputs.items import Items
from tl.metrics.classification import THRESHOLD
from tl.metrics.intervals import Interval, intervals
from tl.metrics.measured import compute_metrics
from tl.metrics.units import independent_units
from tl.run.disk import writing
from tl.space import Space

MOST_COLUMNS = 1000
"""A run's own tables of predictions have a column for each class only up to this number of classes."""


@dataclass(frozen=True)
class Outcome:
    """`scores` are probabilities (N, C) or numbers (N, K); `raw` are the same scores before temperature scaling.

    `caution` says why the values are not to be taken at their word; '' where nothing is known against them.
    """

    split: str
    space: Space
    samples: Sequence[Sample]
    scores: npt.NDArray[np.float64]
    raw: npt.NDArray[np.float64]
    targets: npt.NDArray[Any]
    values: dict[str, float]
    intervals: dict[str, Interval]
    caution: str = ""

    def as_json(self) -> dict[str, Any]:
        """The metrics with their intervals as plain data, None where there is none; `why` then says why."""
        found = {}
        for name, value in self.values.items():
            low, high, missing = self.intervals[name]
            figures = {"value": value, "low": low, "high": high}
            known = {key: figure if math.isfinite(figure) else None for key, figure in figures.items()}
            found[name] = {**known, **({"why": missing} if missing else {})}
        caution = {"caution": self.caution} if self.caution else {}
        return {"split": self.split, "samples": len(self.samples), **caution, "metrics": found}

    def why_failed(self, metric: str) -> str:
        """What is said of a gate that failed: its condition holds, or its metric has no value."""
        if math.isnan(self.values[metric]):
            return f"fails on {self.split}, where {metric} is {self.intervals[metric].missing}"
        return f"holds on {self.split}"

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
    """The outcome of a model's outputs over a split, with 95 % intervals over groups of samples where there are any.

    `resamples` as `intervals` takes it.
    """
    space, targets = items.task.space, found.targets.numpy()
    scores = found.scores(model, temperature)
    seen = measured(space, scores, targets)
    units = independent_units([sample.group for sample in items.samples])
    values, bounds = compute_metrics(seen), intervals(seen, units, resamples=resamples)
    return Outcome(split, space, items.samples, scores, found.scores(model), targets, values, bounds)


def with_caution(found: Outcome) -> Outcome:
    """The outcome of a run on a split of its own; the validation split chose what it judges."""
    if found.split != "val":
        return found
    tempered = not np.array_equal(found.scores, found.raw)
    what = "checkpoint and the temperature were" if tempered else "checkpoint was"
    return replace(found, caution=f"the {what} chosen on this split, so its values are likely too good")


def csv_text(header: list[str], rows: list[list[Any]]) -> str:
    """The rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[short_number(value) for value in row] for row in rows])
    return text.getvalue()


def short_number(value: Any) -> Any:
    """A share with nine digits; any other number with all of its own, since dates and money have more."""
    if not isinstance(value, float):
        return value
    return f"{value:.9g}" if abs(value) <= 1 else repr(float(value))


def check_writable(key: str, path: Path, endings: Sequence[str] = (".csv", ".parquet")) -> None:
    """Check, before the work begins, that a file can be written there, and make its folder; TLError where it cannot."""
    if path.suffix not in endings:
        raise TLError(f"{key} '{path}' ends in none of {', '.join(endings)}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise TLError(f"{key} '{path}' needs pyarrow: pip install 'tl-toolkit[parquet]'.")
    refuse_link(key, path)
    try:
        if path.exists() and (path.is_dir() or not os.access(path, os.W_OK)):
            number = errno.EISDIR if path.is_dir() else errno.EACCES
            raise OSError(number, os.strerror(number))
        with Folder.at(path.parent, make=True) as folder:
            folder.try_to_write()
    except OSError as error:
        raise TLError(f"{key} '{path}' cannot be written: {error.strerror}.") from error


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write rows as .csv or .parquet, by the ending of the name (`check_writable` refuses other endings).

    The file is the old or the whole new one, even where the disk refuses.
    """
    if path.suffix == ".csv":
        with writing(path, "."):
            write_whole(path, csv_text(header, rows).encode())
        return
    import pyarrow
    import pyarrow.parquet

    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    with writing(path, "."), replacing(path) as file:
        pyarrow.parquet.write_table(pyarrow.table(columns), file)
