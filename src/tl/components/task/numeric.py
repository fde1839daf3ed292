"""Tasks whose targets are numbers: how numbers become targets, answers and a section of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.components.columns import Numbers
from tl.components.data.labels import SplitLists
from tl.components.sample import Sample, Samples
from tl.components.task.base import AnswerTable, Offsets
from tl.components.task.judged import SHOWN, Judged, Kept, shown
from tl.components.task.pooled import Pooled, scored
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics import numbers as metrics
from tl.metrics.calibration import Floats
from tl.metrics.measured import Measured, Prior, Scored
from tl.report.blocks import Block, Card, Gallery, Heading, Line, Row, Scatter, Section, Words
from tl.report.words import counted, number

_MOST_SCATTERS = 6


class Numeric(Pooled):
    """One number or several for each sample, in the units of the data."""

    def __init__(self) -> None:
        super().__init__(LossOptions())

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        raise TLError("data.classes chooses classes, but the targets here are numbers: set data.classes=null.")

    def classes(self, splits: SplitLists, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
        return tuple(columns)

    def check_enough(self, names: Sequence[str]) -> None:
        pass

    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any]:
        """The numbers in raw units, float64 (n, K); zeros for a sample without them."""
        match samples.targets:
            case Numbers() as numbers:
                return np.where(numbers.known[:, None], numbers.values, 0.0)
        return np.zeros((len(samples), self.space.dim))

    def decide(self, scores: Floats) -> npt.NDArray[Any]:
        """The numbers themselves."""
        return scores

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return np.zeros(0), np.zeros(0)

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """The mean and the median of each column."""
        known = [part.targets.values[part.targets.known] for part in parts if isinstance(part.targets, Numbers)]
        return metrics.MeasuredNumbers.prior(np.concatenate([np.zeros((0, self.space.dim)), *known]))

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        names, known = self.space.names, scored(found)
        header = ["id", *(f"true_{name}" for name in names), *(f"predicted_{name}" for name in names)]
        rows = [[s.id, *t, *p] for s, t, p in zip(samples, known.targets, known.scores, strict=True)]
        return AnswerTable(header, rows)

    def columns(self) -> list[str]:
        return ["id", *(f"predicted_{name}" for name in self.space.names)]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        return ([s.id, *row] for s, row in zip(samples, scored(found).scores.tolist(), strict=True))

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The numbers, as a list and by name."""
        for row in scored(found).scores.tolist():
            yield {"predicted": row, "scores": dict(zip(self.space.names, row, strict=True))}

    def findings(self, judged: Judged | None) -> list[Section]:
        if judged is None or not len(judged.samples):
            blocks: list[Block] = [Words("There is nothing to compare: no sample was judged.", "empty")]
        else:
            blocks = [*self._scatters(scored(judged.found)), Heading("Largest errors"), Gallery(self._worst(judged))]
        return [Section("errors", "Errors", "Where it errs", blocks)]

    def _scatters(self, found: Scored) -> list[Block]:
        named = enumerate(self.space.names[:_MOST_SCATTERS])
        charts = [Scatter(name, found.targets[:, i].tolist(), found.scores[:, i].tolist()) for i, name in named]
        lead = "On the dotted diagonal the prediction is exact; above it is too high, below it too low."
        more = self.space.dim - _MOST_SCATTERS
        rest = [Words(f"{counted(more, 'further targets')} not shown.", "note")] if more > 0 else []
        return [Words(lead, "lead"), Row(charts), *rest]

    def _worst(self, judged: Judged) -> list[Card]:
        found, cards = scored(judged.found), []
        order = (-abs(found.scores - found.targets)).ravel().argsort()[:SHOWN]
        for i, k in (divmod(int(cell), self.space.dim) for cell in order):
            true, said = float(found.targets[i, k]), float(found.scores[i, k])
            aside = f"{'+' if said > true else ''}{number(said - true)}"
            lines = [Line("said", number(said), aside), Line("true", number(true))]
            sample = judged.samples[i]
            cards.append(Card(id=sample.id, lines=lines, note=self.space.names[k], **shown(sample, judged.may_show)))
        return cards
