"""Which things belong together, learnt from pairs that do: each is embedded by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import SplitLists
from tl.components.sample import Picture, Sample, Samples, halves_of
from tl.components.task.base import AnswerTable, Offsets, Task
from tl.components.task.judged import SHOWN, Judged, Kept, shown
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.matches import MeasuredMatches
from tl.metrics.measured import Measured
from tl.report.blocks import Block, Card, Gallery, Heading, Line, Section, Words
from tl.report.words import count, number
from tl.space import Form, Kind, Space

if TYPE_CHECKING:
    from torch import Tensor

    from tl.components.head.base import Head

_NAMES = ("cosine",)


@final
class Matching(Task):
    """In a batch, the second halves of all other pairs are wrong for a first half (multiple negatives ranking loss).

    A half that occurs in several pairs of a batch is not wrong for any of them, nor for itself where it is the first
    of one pair and the second of another. Targets are the numbers of both halves, hashes of their content.
    """

    takes: ClassVar[str] = "match"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "embedding"
    reads: ClassVar[Form] = "pair"
    word: ClassVar[str] = "a partner without a score"
    noun: ClassVar[str] = "pairs"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    weighs: ClassVar[bool] = False
    untrained: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    measures: ClassVar[type[Measured]] = MeasuredMatches

    def __init__(self, *, temperature: Annotated[float, "above 0"]) -> None:
        super().__init__(LossOptions())
        self.temperature = temperature

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        raise TLError("data.classes chooses classes, but pairs here have none: set data.classes=null.")

    def classes(self, splits: SplitLists, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
        return _NAMES

    def check_enough(self, names: Sequence[str]) -> None:
        pass

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("embedding", names)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any]:
        """The numbers of both halves, int64 (n, 2); of a sample that is no pair, its own number twice."""
        rows = [[_key(half) for half in halves_of(one)] for one in samples.inputs]
        return np.array([[row[0], row[-1]] for row in rows], dtype=np.int64).reshape(-1, 2)

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        import torch

        from tl.functional import contrast

        same = (target.unsqueeze(0) == target.unsqueeze(1)).any(-1) | (target[:, :1] == target[None, :, 1])
        own = torch.eye(len(target), dtype=torch.bool, device=target.device)
        first, second = output.unbind(1)
        return {"task": contrast(first, second, own, same & ~own, 1 / self.temperature)}

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """Rows (N, 2, D) are the embeddings of both halves, of length 1."""
        return Kept(head.scores(output).float().cpu(), target.cpu())

    def nothing(self, head: Head) -> Kept:
        import torch

        return Kept(torch.zeros(0, 2, head.dim_in), torch.zeros(0, 2, dtype=torch.int64))

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> MeasuredMatches:
        return MeasuredMatches(kept.rows.numpy(), kept.truth.numpy())

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return np.zeros(0), np.zeros(0)

    # Answers.

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        """For each pair the pair whose second half is nearest to its first, and the rank of its own."""
        nearest, ranks, cosines = matches(found).nearest()
        ids = [sample.id for sample in samples]
        rows = [[ids[i], ids[nearest[i]], float(ranks[i]), float(cosines[i])] for i in range(len(ids))]
        return AnswerTable(["id", "predicted", "rank", "cosine"], rows)

    def columns(self) -> list[str]:
        return ["id", "predicted_cosine"]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        _, _, cosines = matches(found).nearest()
        return ([sample.id, float(cosine)] for sample, cosine in zip(samples, cosines, strict=True))

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The cosine of the two embeddings of each pair."""
        for _, cosine in self.cells(samples, kept, found):
            yield {"predicted": [cosine], "scores": {_NAMES[0]: cosine}}

    # The report.

    def skill(self) -> str:
        return "find what belongs together"

    def findings(self, judged: Judged | None) -> list[Section]:
        """The pairs whose own second half is farthest behind others."""
        blocks: list[Block] = [Words("No pair was judged.", "empty")]
        if judged is not None and len(judged.samples):
            cards = self._worst(judged)
            pool = f"Each first half looked for its second half among all {count(len(judged.samples))} of the split."
            worst: list[Block] = [Gallery(cards)] if cards else [Words("Not one mistake on this split.", "empty")]
            blocks = [Words(f"{pool} Among more, it finds it less often.", "lead"), Heading("Farthest behind"), *worst]
        return [Section("errors", "Errors", "Where it errs", blocks)]

    def _worst(self, judged: Judged) -> list[Card]:
        nearest, ranks, cosines = matches(judged.found).nearest()
        cards = []
        for i in (-ranks).argsort(kind="stable")[:SHOWN]:
            if ranks[i] > 1:
                said = str(halves_of(judged.samples[int(nearest[i])].input)[-1])
                sample, aside = judged.samples[int(i)], f"cosine of its own {number(cosines[i])}"
                note = f"its own is number {number(ranks[i])} of {count(len(ranks))}"
                lines = [Line("said", said, aside)]
                cards.append(Card(id=sample.id, lines=lines, note=note, **shown(sample, judged.may_show)))
        return cards


def matches(found: Measured) -> MeasuredMatches:
    """What this task measures."""
    assert isinstance(found, MeasuredMatches)
    return found


def _key(half: str | Path | Picture) -> int:
    """A number of 63 bits for a text's content, or for a picture's file."""
    content = half.content_key if isinstance(half, Picture) else str(half)
    return int.from_bytes(blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1
