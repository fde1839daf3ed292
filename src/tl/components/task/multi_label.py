"""Any number of labels for each sample, each on or off by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import coded_targets, label_counts, label_weights, names_of, with_labels
from tl.components.sample import Sample, Samples, Target
from tl.components.task.base import Common, Offsets
from tl.components.task.judged import SHOWN, Judged, Kept
from tl.components.task.pooled import WIDEST, WithClasses, scored
from tl.components.task.sections import class_table, confidence, mistake, mistakes
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.calibration import Floats
from tl.metrics.classification import THRESHOLD
from tl.metrics.labels import MeasuredLabels
from tl.metrics.measured import Measured, Prior, Scored
from tl.report.blocks import Block, Card, Section, Words
from tl.report.words import shorten
from tl.space import Form, Kind, Space


@final
class MultiLabel(WithClasses):
    """A sigmoid and the binary cross entropy for each label, with label smoothing and focal loss where asked for."""

    takes: ClassVar[str] = "multi"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "multi"
    reads: ClassVar[Form] = "pooled"
    word: ClassVar[str] = "several labels"
    noun: ClassVar[str] = "label"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = True
    measures: ClassVar[type[Scored]] = MeasuredLabels

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """The samples, each with those of its labels that are chosen; TLError for an unknown label."""
        return with_labels(samples, classes)

    def check_enough(self, names: Sequence[str]) -> None:
        if not names:
            raise TLError("No training sample has any label: check data.labels or data.label_columns.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        weights = label_weights(names, train) if common["balance"] == "weights" else ()
        self.space = Space("multi", names, label_weights=weights)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any]:
        """0 or 1 for each label, float32 (n, C); zeros for a sample without known labels."""
        return coded_targets(samples, self._row, none=[0.0] * self.space.dim, dtype=np.float32)

    def decide(self, scores: Floats) -> npt.NDArray[Any]:
        """0 or 1 for each label (N, C): 1 from the probability `THRESHOLD` on."""
        return np.asarray((scores >= THRESHOLD).astype(int))

    def written(self, answer: Any) -> str:
        return ";".join(self._chosen(answer))

    def _chosen(self, answer: Any) -> list[str]:
        return [name for name, on in zip(self.space.names, answer, strict=True) if on]

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """The shares of the labels."""
        counts, samples = label_counts(self.space.names, parts)
        return MeasuredLabels.prior(counts, samples)

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return scored(found).targets.sum(axis=0), self.decide(scored(found).scores).sum(axis=0)

    def columns(self) -> list[str]:
        return ["id", "predicted", *(f"p_{name}" for name in self.space.names)]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        scores = scored(found).scores
        for sample, row, answer in zip(samples, scores.tolist(), self.decide(scores), strict=True):
            yield [sample.id, self._chosen(answer), *row]

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The labels that are on, and the probability of every label."""
        scores = scored(found).scores
        for row, answer in zip(scores.tolist(), self.decide(scores), strict=True):
            yield {"predicted": self._chosen(answer), "scores": dict(zip(self.space.names, row, strict=True))}

    def skill(self) -> str:
        several = self.space.dim > 1
        first = shorten(self.space.names[0], WIDEST)
        return f"find which of {self.space.dim} labels apply" if several else f"find where {first} applies"

    def findings(self, judged: Judged | None) -> list[Section]:
        if judged is None:
            errors: list[Block] = [Words("No label was judged.", "empty")]
        else:
            errors = [*class_table(scored(judged.found).per_class(), self.noun), *mistakes(self._mistakes(judged))]
        return [
            Section("errors", "Errors", "Where it errs", errors),
            confidence(judged, "labels of probability 0.8", "apply"),
        ]

    def _mistakes(self, judged: Judged) -> list[Card]:
        """Labels wrongly predicted or left out, the most confident first; a sample may appear for several labels."""
        found = scored(judged.found)
        wrong = self.decide(found.scores) != found.targets
        sureness = np.where(found.targets.astype(bool), 1 - found.scores, found.scores)
        order = np.argsort(-np.where(wrong, sureness, -1.0), axis=None)[: min(SHOWN, int(wrong.sum()))]
        cards = []
        for i, k in (divmod(int(cell), self.space.dim) for cell in order):
            name = self.space.names[k]
            true, said = (name, f"not {name}") if found.targets[i, k] else (f"not {name}", name)
            cards.append(mistake(judged, i, said, true, sureness[i, k]))
        return cards

    def _row(self, target: Target) -> list[float]:
        self.check_known(target)
        known = {*names_of(target)}
        return [float(name in known) for name in self.space.names]
