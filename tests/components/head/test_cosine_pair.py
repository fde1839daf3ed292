"""The cosine of two embeddings, against torch's and by hand."""

from __future__ import annotations

import pytest
import torch

from tests.built import mistakes, option
from tl.components.head.base import Head
from tl.errors import TLError
from tl.space import Space

SCORES = Space("number", ("score",), (1.0,), (4.0,))  # from 1 to 5


def pair_head(dim: int = 6, **changes: object) -> Head:
    made: Head = option("head", "cosine_pair", {"dim_in": dim, "space": SCORES}, **changes)
    return made


def test_before_training_it_is_the_plain_cosine() -> None:
    assert mistakes("head", "cosine_pair") == []
    head, x = pair_head(), torch.randn(5, 2, 6)
    by_hand = (x[:, 0] * x[:, 1]).sum(-1) / (x[:, 0].norm(dim=-1) * x[:, 1].norm(dim=-1))
    torch.testing.assert_close(head(x)[:, 0], by_hand)
    assert not head.needs_training_features


def test_the_order_of_a_pair_and_the_length_of_an_embedding_do_not_matter() -> None:
    head, x = pair_head(), torch.randn(5, 2, 6)
    torch.nn.init.normal_(head.get_parameter("linear.weight"))
    torch.testing.assert_close(head(x.flip(1)), head(x))
    torch.testing.assert_close(head(x * torch.tensor([0.5, 20.0])[:, None]), head(x))


def test_a_score_is_in_the_units_of_the_data_and_the_loss_in_units_of_its_range() -> None:
    head = pair_head(2)
    x = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [-3.0, 0.0]]])
    torch.testing.assert_close(head.scores(head(x))[:, 0], torch.tensor([5.0, 1.0, -3.0], dtype=torch.float64))
    wanted = ((1 - 0.75) ** 2 + 0**2 + (-1 - 0.5) ** 2) / 3
    loss = head.loss(head(x), torch.tensor([[4.0], [1.0], [3.0]], dtype=torch.float64))
    assert float(loss.detach()) == pytest.approx(wanted)


def test_an_empty_embedding_has_the_cosine_0_and_a_gradient() -> None:
    head = pair_head()
    loss = head.loss(head(torch.zeros(2, 2, 6)), torch.ones(2, 1, dtype=torch.float64))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in head.parameters())


def test_both_texts_count_where_embeddings_are_standardised() -> None:
    head, x = pair_head(standardize=True), torch.randn(50, 2, 6) * 3 + 1
    assert head.needs_training_features
    head.fit(x, torch.zeros(50, 1))
    both = x.reshape(100, 6)
    torch.testing.assert_close(head.feature_mean, both.mean(0))
    torch.testing.assert_close(head.feature_std, both.std(0, correction=0))


def test_other_answers_and_starts_are_refused() -> None:
    with pytest.raises(TLError, match="head 'cosine_pair' cannot answer in the space of this data, 'single'"):
        option("head", "cosine_pair", {"dim_in": 2, "space": Space("single", ("a", "b"))})
    with pytest.raises(TLError, match="'ridge' is no start of head 'cosine_pair'"):
        pair_head(init="ridge")
