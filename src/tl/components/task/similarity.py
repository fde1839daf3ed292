"""How alike two texts or pictures are: each is embedded by itself, and the cosine of both is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from tl.components.columns import Numbers
from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import SplitLists
from tl.components.sample import Samples, halves_of
from tl.components.task.judged import Kept
from tl.components.task.numeric import Numeric
from tl.errors import TLError
from tl.metrics.measured import Scored
from tl.metrics.similarities import MeasuredSimilarities
from tl.report.words import clean
from tl.space import Form, Kind, Space

if TYPE_CHECKING:
    from torch import Tensor

    from tl.components.head.base import Head

_PAIR = 2


@final
class Similarity(Numeric):
    """The squared error of the cosine, where the lowest score of the training pairs is 0 and their highest is 1.

    That is Sentence-BERT's loss for scores (Reimers and Gurevych 2019). The space holds the lowest score as its mean
    and the range of the scores as its deviation, so that answers are in the units of the scores.
    """

    takes: ClassVar[str] = "number"
    usual: ClassVar[bool] = False
    gives: ClassVar[Kind] = "embedding"
    reads: ClassVar[Form] = "pair"
    word: ClassVar[str] = "numbers"
    noun: ClassVar[str] = "numbers"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    weighs: ClassVar[bool] = False
    untrained: ClassVar[bool] = True
    measures: ClassVar[type[Scored]] = MeasuredSimilarities

    def classes(self, splits: SplitLists, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
        """The name of the one score; TLError where there are several, or where the samples are no pairs of texts."""
        if len(columns) != 1:
            text = f"task 'similarity' compares two texts by one score, but the data has {len(columns)} numbers"
            raise TLError(f"{text} ({', '.join(columns)}): name one column in data.numbers.")
        for samples in splits.values():
            if len(samples) and len(halves_of(samples.inputs[0])) != _PAIR:
                text = (
                    "task 'similarity' compares the two texts or pictures of a pair, but the samples here are no pairs"
                )
                raise TLError(f"{text}: name the column of the second one in data.pair, or take task=regression.")
        return tuple(columns)

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        assert isinstance(train.targets, Numbers)
        known = train.targets.values[train.targets.known]
        low, high = float(np.min(known)), float(np.max(known))
        if not low < high:
            text = f"All training pairs have the same score in '{names[0]}', {low:g}: there is nothing to learn"
            raise TLError(f"{text}. Name the column of the scores in data.numbers.")
        self.space = Space("embedding", names, (low,), (high - low,))
        return self.space

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        from tl.functional import squared_error

        return {"task": squared_error(_cosines(output), head.figures.standardised(target))}

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """Rows (N, 1) are the cosines of the pairs."""
        return Kept(_cosines(output).float().cpu(), target.cpu())

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> Scored:
        (low,), (span,) = self.space.mean, self.space.std
        scores = kept.rows.double().numpy() * span + low
        return self.measures(scores, kept.truth.numpy(), self.space.names)

    def skill(self) -> str:
        return f"rank pairs by {clean(self.space.names[0])}"


def _cosines(output: Tensor) -> Tensor:
    """Embeddings (B, 2, D) of pairs to their cosines (B, 1)."""
    from torch.nn.functional import cosine_similarity

    first, second = output.unbind(1)
    return cosine_similarity(first, second, dim=-1).unsqueeze(-1)
