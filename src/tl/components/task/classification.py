"""One class for each sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import class_weights, coded_targets, label_counts
from tl.components.sample import Sample, Samples, Target
from tl.components.task.base import MOST_COLUMNS, Common, Offsets
from tl.components.task.judged import SHOWN, Judged, Kept
from tl.components.task.pooled import WIDEST, WithClasses, scored
from tl.components.task.sections import class_table, confidence, mistake, mistakes
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.calibration import Floats
from tl.metrics.measured import Measured, Prior, Scored
from tl.metrics.one_class import MeasuredClasses
from tl.metrics.tables import confusion
from tl.report.blocks import Card, Heatmap, Section
from tl.report.words import shorten
from tl.space import Form, Kind, Space


@final
class Classification(WithClasses):
    """Softmax over the classes and cross entropy, with label smoothing and focal loss where asked for."""

    takes: ClassVar[str] = "single"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "single"
    reads: ClassVar[Form] = "pooled"
    word: ClassVar[str] = "one class"
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = True
    measures: ClassVar[type[Scored]] = MeasuredClasses

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))

    def check_enough(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            only = f"'{names[0]}'" if names else "none"
            raise TLError(f"The training samples have a single class ({only}): at least two are needed to tell apart.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        weights = class_weights(names, train) if common["balance"] == "weights" else ()
        self.space = Space("single", names, class_weights=weights)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any]:
        """Class numbers, int64 (n,); -1 for a sample without a class."""
        return coded_targets(samples, self._number, none=-1, dtype=np.int64)

    def decide(self, scores: Floats) -> npt.NDArray[Any]:
        """The number (N,) of the most probable class."""
        return np.asarray(scores.argmax(-1))

    def written(self, answer: Any) -> str:
        return self.space.names[int(answer)]

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """The shares of the classes; with no sample at all, they are taken to be equally frequent."""
        counts, samples = label_counts(self.space.names, parts)
        return MeasuredClasses.prior(counts, samples)

    def lone_answer(self, found: Measured) -> str:
        said = np.unique(self.decide(scored(found).scores))
        alone = len(said) == 1 and len(np.unique(scored(found).targets)) > 1
        return self.space.names[int(said[0])] if alone else ""

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        both = scored(found).targets, self.decide(scored(found).scores)
        support, said = (np.bincount(some.astype(np.intp), minlength=self.space.dim) for some in both)
        return support, said

    def score_columns(self, found: Scored, most: float) -> tuple[list[str], Floats]:
        """Of more than `most` classes, only the scores of the true and the predicted one."""
        if self.space.dim <= most:
            return super().score_columns(found, most)
        both = np.stack([found.targets.astype(np.int64), self.decide(found.scores)], axis=1)
        return ["p_true", "p_predicted"], np.take_along_axis(found.scores, both, axis=1)

    def columns(self) -> list[str]:
        scores = [f"p_{name}" for name in self.space.names] if self.space.dim <= MOST_COLUMNS else []
        return ["id", "predicted", "confidence", *scores]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        scores, count = scored(found).scores, len(self.columns())
        for sample, row, answer in zip(samples, scores.tolist(), self.decide(scores), strict=True):
            yield [sample.id, self.written(answer), row[int(answer)], *row][:count]

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The class, its probability, and the probability of every class."""
        scores = scored(found).scores
        for row, answer in zip(scores.tolist(), self.decide(scores), strict=True):
            probabilities = dict(zip(self.space.names, row, strict=True))
            yield {"predicted": self.written(answer), "probability": row[int(answer)], "scores": probabilities}

    def skill(self) -> str:
        first, *others = (shorten(name, WIDEST) for name in self.space.names)
        if not others:
            return ""
        return f"tell {first} from {others[0]}" if len(others) == 1 else f"tell {self.space.dim} classes apart"

    def findings(self, judged: Judged | None) -> list[Section]:
        found = scored(judged.found) if judged else None
        heat = Heatmap(self.space.names, confusion(found.scores, found.targets) if found else {})
        rows = class_table(found.per_class(), self.noun) if found else []
        errors = [heat, *rows, *(mistakes(self._mistakes(judged)) if judged else [])]
        return [
            Section("errors", "Errors", "Where it errs", errors),
            confidence(judged, "answers of confidence 0.8", "are right"),
        ]

    def _mistakes(self, judged: Judged) -> list[Card]:
        """Wrongly predicted samples, the most confident first."""
        found, names = scored(judged.found), self.space.names
        said = self.decide(found.scores)
        wrong = [i for i in range(len(said)) if said[i] != found.targets[i]]
        wrong.sort(key=lambda i: -found.scores[i, said[i]])
        return [
            mistake(judged, i, names[int(said[i])], names[int(found.targets[i])], found.scores[i, said[i]])
            for i in wrong[:SHOWN]
        ]

    def _number(self, target: Target) -> int:
        self.check_known(target)
        return self.space.names.index(str(target))
