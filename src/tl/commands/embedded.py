"""Single texts or pictures that are given to a run which compares pairs: their embeddings are the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tl.components.model import Model
from tl.components.sample import Sample, Samples
from tl.evaluation.evaluator import Evaluator
from tl.inputs.items import Items


@dataclass(frozen=True)
class EmbeddedSamples:
    """The embeddings (n, D) of samples, each of length 1."""

    samples: Sequence[Sample]
    embeddings: Tensor

    def mappings(self) -> Iterator[dict[str, Any]]:
        """For each input its id, and its embedding as the prediction."""
        pairs = zip(self.samples, self.embeddings.tolist(), strict=True)
        return ({"input": sample.id, "predicted": row} for sample, row in pairs)

    def rows(self) -> Iterator[list[Any]]:
        """For each input the values of `embedding_columns`."""
        return ([sample.id, *row] for sample, row in zip(self.samples, self.embeddings.tolist(), strict=True))


def embedding_columns(model: Model) -> list[str]:
    """The columns of a file of embeddings."""
    return ["id", *(f"f{i}" for i in range(model.task.width))]


def are_single(model: Model, samples: Sequence[Sample]) -> bool:
    """True where the task compares pairs, and these are none."""
    return model.task.reads == "pair" and len(samples) > 0 and not isinstance(samples[0].input, tuple)


def embed(model: Model, evaluator: Evaluator, samples: Sequence[Sample], workers: int) -> EmbeddedSamples:
    """The embeddings of samples that are no pairs."""
    items = Items(Samples.of(samples), model.task, model.backbone.preprocess, workers=workers)
    return EmbeddedSamples(samples, evaluator.embeddings(model, items).rows)
