"""Embeddings in which samples of one class lie close together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import coded_targets, label_counts
from tl.components.sample import Sample, Samples, Target
from tl.components.task.base import AnswerTable, Offsets, Task
from tl.components.task.judged import SHOWN, Judged, Kept, shown
from tl.components.task.sections import mistakes
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.measured import Measured, Prior
from tl.metrics.neighbours import MeasuredNeighbours
from tl.metrics.one_class import MeasuredClasses
from tl.report.blocks import Card, Line, Section, Words
from tl.space import Form, Kind, Space

if TYPE_CHECKING:
    from torch import Tensor

    from tl.components.head.base import Head


@final
class Contrastive(Task):
    """Each sample chooses those of its class among all others of the batch (supervised contrastive loss).

    A sample without another of its class in the batch adds nothing. The answers are embeddings; how good they are is
    asked of the nearest others of a split.
    """

    takes: ClassVar[str] = "single"
    usual: ClassVar[bool] = False
    gives: ClassVar[Kind] = "embedding"
    reads: ClassVar[Form] = "pooled"
    word: ClassVar[str] = "one class"
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = False
    untrained: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    measures: ClassVar[type[Measured]] = MeasuredNeighbours

    def __init__(self, *, temperature: Annotated[float, "above 0"]) -> None:
        super().__init__(LossOptions())
        self.temperature = temperature

    def check_enough(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            raise TLError("The training samples have a single class: at least two are needed to tell apart.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("embedding", names)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any]:
        """Class numbers, int64 (n,); -1 for a sample without a class."""
        return coded_targets(samples, self._number, none=-1, dtype=np.int64)

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        import torch

        from tl.functional import contrast

        own = torch.eye(len(target), dtype=torch.bool, device=target.device)
        right = (target.unsqueeze(0) == target.unsqueeze(1)) & ~own
        return {"task": contrast(output, output, right, own, 1 / self.temperature)}

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """Rows (N, D) are the embeddings, of length 1."""
        return Kept(head.scores(output).float().cpu(), target.cpu())

    def nothing(self, head: Head) -> Kept:
        import torch

        return Kept(torch.zeros(0, head.dim_in), torch.zeros(0, dtype=torch.int64))

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> MeasuredNeighbours:
        return MeasuredNeighbours(kept.rows.numpy(), kept.truth.numpy(), self.space.names)

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """The shares of the classes."""
        return MeasuredClasses.prior(*label_counts(self.space.names, parts))

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        both = neighbours(found).labels, neighbours(found).voted()
        true, said = (np.bincount(np.asarray(some, np.intp), minlength=self.space.dim) for some in both)
        return true, said

    # Answers.

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        """For each sample the class that its nearest others vote for, and the nearest of them."""
        measured, ids, names = neighbours(found), [sample.id for sample in samples], self.space.names
        voted, nearest = measured.voted(), measured.nearest()
        rows = [
            [name, names[true], names[said], ids[near[0]]]
            for name, true, said, near in zip(ids, measured.labels, voted, nearest, strict=True)
        ]
        return AnswerTable(["id", "true", "predicted", "nearest"], rows)

    def columns(self) -> list[str]:
        return ["id", *(f"f{i}" for i in range(self.width))]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        """The embedding of each sample, of length 1."""
        return ([sample.id, *row] for sample, row in zip(samples, kept.rows.tolist(), strict=True))

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        return ({"predicted": row} for row in kept.rows.tolist())

    # The report.

    def skill(self) -> str:
        return f"find others of {self.space.dim} groups"

    def findings(self, judged: Judged | None) -> list[Section]:
        """Samples whose nearest others vote for another class."""
        if judged is None or not len(judged.samples):
            return [Section("errors", "Errors", "Where it errs", [Words("No sample was judged.", "empty")])]
        measured, names = neighbours(judged.found), self.space.names
        voted, nearest = measured.voted(), measured.nearest()
        cards = []
        for i in np.flatnonzero(voted != measured.labels)[:SHOWN].tolist():
            lines = [Line("said", names[voted[i]]), Line("true", names[measured.labels[i]])]
            sample, note = judged.samples[i], f"nearest: {judged.samples[int(nearest[i, 0])].id}"
            cards.append(Card(id=sample.id, lines=lines, note=note, **shown(sample, judged.may_show)))
        return [Section("errors", "Errors", "Where it errs", mistakes(cards))]

    def _number(self, target: Target) -> int:
        self.check_known(target)
        return self.space.names.index(str(target))


def neighbours(found: Measured) -> MeasuredNeighbours:
    """What this task measures."""
    assert isinstance(found, MeasuredNeighbours)
    return found
