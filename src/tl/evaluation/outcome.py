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

from tl.components.model import Model
from tl.components.sample import Sample
from tl.components.task.base import AnswerTable, Task
from tl.components.task.judged import Kept
from tl.disk.folder import Folder, refuse_link, replacing, write_whole
from tl.errors import TLError
from tl.evaluation.evaluator import Outputs
from tl.inputs.items import Items
from tl.metrics.intervals import Interval, intervals
from tl.metrics.measured import Measured, compute_metrics
from tl.metrics.units import independent_units
from tl.run.disk import writing


@dataclass(frozen=True)
class Outcome:
    """What is kept of a split's outputs; what metrics see of it, also before temperature scaling (`raw`).

    `caution` says why the values are not to be taken at their word; '' where nothing is known against them.
    """

    split: str
    task: Task
    samples: Sequence[Sample]
    kept: Kept
    temperature: float
    found: Measured
    raw: Measured
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
        """What is said of a gate that failed: the value of its metric, or why there is none."""
        value = self.values[metric]
        found = self.intervals[metric].missing if math.isnan(value) else f"{value:.3f}"
        return f"on {self.split}, {metric} is {found}"

    def rows(self, most: float = math.inf) -> AnswerTable:
        """A header, and for each sample its id, its target, the prediction and scores, of up to `most` outputs each."""
        return self.task.table(self.samples, self.kept, self.found, most)


def outcome(split: str, model: Model, items: Items, outputs: Outputs, temperature: float, resamples: int) -> Outcome:
    """The outcome of a model's outputs over a split, with 95 % intervals over groups of samples where there are any.

    `resamples` as `intervals` takes it.
    """
    found = outputs.measured(model, temperature)
    units = independent_units([sample.group for sample in items.samples])
    values, bounds = compute_metrics(found), intervals(found, units, resamples=resamples)
    raw = outputs.measured(model)
    return Outcome(split, model.task, items.samples, outputs.kept, temperature, found, raw, values, bounds)


def with_caution(found: Outcome) -> Outcome:
    """The outcome of a run on a split of its own; the validation split chose what it judges."""
    if found.split != "val":
        return found
    what = "checkpoint and the temperature were" if found.temperature != 1 else "checkpoint was"
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
