"""Tasks with one vector of outputs for each sample: what becomes of the vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from tl.components.sample import Sample
from tl.components.task.base import AnswerTable, Task
from tl.components.task.judged import Kept
from tl.metrics.calibration import Floats
from tl.metrics.measured import Measured, Scored

if TYPE_CHECKING:
    from tl.components.head.base import Head


WIDEST = 40
"""So many letters of a name the verdict shows."""


class Pooled(Task):
    """Evaluation keeps the outputs (N, C) of all samples; metrics see their scores."""

    measures: ClassVar[type[Scored]]

    @abstractmethod
    def decide(self, scores: Floats) -> npt.NDArray[Any]:
        """The answers (N, ...) that scores (N, C) stand for, in the form of the targets."""

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> Scored:
        scores = head.scores(kept.rows.to(head.mean.device), temperature)
        return self.measures(np.asarray(scores.double().cpu().numpy()), kept.truth.numpy(), self.space.names)

    def fit_temperature(self, head: Head, kept: Kept) -> float:
        """1 too where all answers are right, since the fitted temperature would be 0."""
        found = self.measured(head, kept)
        if bool((self.decide(found.scores) == found.targets).all()):
            return 1.0
        return self.measures.fit_temperature(kept.rows.numpy(), found.targets)


class WithClasses(Pooled):
    """The answers are classes or labels, each with a probability."""

    @abstractmethod
    def written(self, answer: Any) -> str:
        """An answer, or a target, as a cell of a table."""

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        scores = scored(found).scores
        header, shown = self.score_columns(scored(found), most)
        true, said = ([self.written(one) for one in some] for some in (scored(found).targets, self.decide(scores)))
        rows = [[s.id, t, p, *q] for s, t, p, q in zip(samples, true, said, shown.tolist(), strict=True)]
        return AnswerTable(["id", "true", "predicted", *header], rows)

    def score_columns(self, found: Scored, most: float) -> tuple[list[str], Floats]:
        """The names of the columns of scores, and the scores (N, columns)."""
        return [f"p_{name}" for name in self.space.names], found.scores


def scored(found: Measured) -> Scored:
    """What pooled tasks measure is always a column of scores for each output."""
    assert isinstance(found, Scored)
    return found
