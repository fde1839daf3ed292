"""Embeddings of samples with a class: the loss, and what is said of the nearest others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.built import option
from tests.components.data.listed import row
from tests.components.head.samples import head_of
from tl.components.sample import Samples
from tl.components.task.contrastive import Contrastive
from tl.errors import TLError

CLASSES = ("b", "a", "b", "b", "c")


def samples(*classes: str) -> Samples:
    return Samples.of([row(i, name) for i, name in enumerate(classes)])


def task() -> Contrastive:
    made = option("task", "contrastive", temperature=0.5)
    assert isinstance(made, Contrastive)
    made.fit(made.classes({"train": samples(*CLASSES)}, (), []), samples(*CLASSES), {})  # type: ignore[typeddict-item]
    return made


def test_the_loss_is_khoslas_written_out() -> None:
    made, head = task(), head_of("embedding", "embedding")
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    target = torch.from_numpy(made.targets(samples(*CLASSES)))
    assert target.tolist() == [1, 0, 1, 1, 2]
    cosines = torch.cosine_similarity(x[:, None], x[None, :], -1).tolist()
    total = 0.0
    for i, own in enumerate(CLASSES):
        others = [j for j in range(5) if j != i]
        right = [j for j in others if CLASSES[j] == own]
        norm = math.log(sum(math.exp(cosines[i][j] / 0.5) for j in others))
        total += sum(norm - cosines[i][j] / 0.5 for j in right) / max(1, len(right))
    loss = made.loss(head, head(x), target)["task"]
    assert float(loss.detach()) == pytest.approx(total / 5, rel=1e-5)
    loss.backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in head.parameters())


def test_a_batch_without_two_of_a_class_teaches_nothing_and_breaks_nothing() -> None:
    made, head = task(), head_of("embedding", "embedding")
    loss = made.loss(head, head(torch.randn(3, 6)), torch.tensor([0, 1, 2]))["task"]
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in head.parameters())


def test_a_table_says_what_the_nearest_vote_for_and_answers_are_embeddings() -> None:
    made, head, few = task(), head_of("embedding", "embedding"), samples("b", "b", "a", "a")
    x = torch.zeros(4, 6)
    x[0, 0], x[1, :2], x[2, 1], x[3, 1:3] = 2.0, torch.tensor([1.0, 0.2]), 1.0, torch.tensor([1.0, 0.3])
    kept = made.keep(head, x, torch.from_numpy(made.targets(few)), few)
    found = made.measured(head, kept)
    header, rows = made.table(few, kept, found, 1000)
    assert header == ["id", "true", "predicted", "nearest"]
    assert [one[3] for one in rows] == [few.ids[i] for i in (1, 0, 3, 2)]
    made.width = 6
    assert made.columns() == ["id", "f0", "f1", "f2", "f3", "f4", "f5"]
    assert next(iter(made.cells(few, kept, found))) == [few.ids[0], 1.0, 0, 0, 0, 0, 0]
    assert np.linalg.norm(next(iter(made.answers(few[1:], kept, found)))["predicted"]) == pytest.approx(1.0)
    assert len(made.measured(head, made.nothing(head))) == 0
    true, said = made.answer_counts(found)
    assert true.tolist() == [2, 2, 0]
    assert int(said.sum()) == 4


def test_one_class_is_refused() -> None:
    with pytest.raises(TLError, match="at least two"):
        task().check_enough(["a"])
