"""How alike two texts are: what the task takes, and the scale of its scores."""

from __future__ import annotations

import pytest
import torch

from tests.built import option
from tests.components.data.listed import row
from tl.components.head.base import Head
from tl.components.sample import Sample, Samples
from tl.components.task.similarity import Similarity
from tl.errors import TLError
from tl.space import Space


def pairs(*scores: float | None) -> Samples:
    targets = [None if score is None else (score,) for score in scores]
    return Samples.of([Sample(str(i), (f"a {i}", f"b {i}"), t, f"p.csv:{i}") for i, t in enumerate(targets)])


def task() -> Similarity:
    made = option("task", "similarity")
    assert isinstance(made, Similarity)
    return made


def test_the_scores_of_the_training_pairs_are_the_scale() -> None:
    made = task()
    found = made.fit(("score",), pairs(2.0, 4.5, None, 1.5), {})  # type: ignore[typeddict-item]
    assert found == made.space == Space("embedding", ("score",), (1.5,), (3.0,))
    assert made.targets(pairs(7.0, None)).tolist() == [[7.0], [0.0]]
    assert made.skill() == "rank pairs by score"


def head(dim: int) -> Head:
    made: Head = option("head", "embedding", {"dim_in": dim, "space": Space("embedding", ("score",), (1.0,), (4.0,))})
    return made


def test_an_answer_is_in_the_units_of_the_data_and_the_loss_in_units_of_its_range() -> None:
    made = task()
    made.restore(Space("embedding", ("score",), (1.0,), (4.0,)))  # from 1 to 5
    x = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [-3.0, 0.0]]])
    target = torch.tensor([[4.0], [1.0], [3.0]], dtype=torch.float64)
    wanted = ((1 - 0.75) ** 2 + 0**2 + (-1 - 0.5) ** 2) / 3
    assert float(made.loss(head(2), x, target)["task"]) == pytest.approx(wanted)
    found = made.measured(head(2), made.keep(head(2), x, target, pairs(4.0, 1.0, 3.0)))
    assert found.scores.tolist() == [[5.0], [1.0], [-3.0]]
    assert found.targets.tolist() == target.tolist()


def test_the_order_of_a_pair_and_the_length_of_an_embedding_do_not_matter() -> None:
    made, x, none = task(), torch.randn(5, 2, 6), torch.zeros(5, 1)
    cosines = made.keep(head(6), x, none, pairs()).rows
    by_hand = (x[:, 0] * x[:, 1]).sum(-1) / (x[:, 0].norm(dim=-1) * x[:, 1].norm(dim=-1))
    torch.testing.assert_close(cosines[:, 0], by_hand)
    for other in (x.flip(1), x * torch.tensor([0.5, 20.0])[:, None]):
        torch.testing.assert_close(made.keep(head(6), other, none, pairs()).rows, cosines)


def test_an_empty_embedding_has_the_cosine_0_and_a_gradient() -> None:
    made, own = task(), head(6)
    made.restore(own.space)
    loss = made.loss(own, own(torch.zeros(2, 2, 6)), torch.ones(2, 1, dtype=torch.float64))["task"]
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in own.parameters())


def test_equal_scores_teach_nothing() -> None:
    with pytest.raises(TLError, match=r"All training pairs have the same score in 'score', 3: .* data\.numbers"):
        task().fit(("score",), pairs(3.0, 3.0), {})  # type: ignore[typeddict-item]


def test_texts_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(TLError, match=r"no pairs: name .* in data\.pair, or take task=regression"):
        task().classes({"train": Samples.of([row(1, (1.0,))])}, ["score"], [])


def test_one_score_is_learnt() -> None:
    with pytest.raises(TLError, match=r"the data has 2 numbers \(a, b\): name one column in data\.numbers"):
        task().classes({"train": pairs(1.0)}, ["a", "b"], [])
    assert task().classes({"train": pairs(1.0)}, ["a"], []) == ("a",)
