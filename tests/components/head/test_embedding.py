"""One linear map of embeddings, against torch's and by hand."""

from __future__ import annotations

import pytest
import torch

from tests.built import mistakes
from tests.components.head.samples import head_of
from tl.errors import TLError


def test_before_training_embeddings_are_the_features() -> None:
    assert mistakes("head", "embedding") == []
    head, x = head_of("embedding", "embedding"), torch.randn(5, 2, 6)
    assert torch.equal(head(x), x)
    assert not head.needs_training_features


def test_scores_have_the_length_1() -> None:
    head = head_of("embedding", "embedding")
    scores = head.scores(torch.tensor([[3.0, 4.0, 0, 0, 0, 0], [0.0] * 6]))
    assert scores.tolist() == [[pytest.approx(0.6), pytest.approx(0.8), 0, 0, 0, 0], [0.0] * 6]


def test_both_halves_count_where_embeddings_are_standardised() -> None:
    head, x = head_of("embedding", "embedding", standardize=True), torch.randn(50, 2, 6) * 3 + 1
    assert head.needs_training_features
    head.fit(x, torch.zeros(50, 1))
    both = x.reshape(100, 6)
    torch.testing.assert_close(head.feature_mean, both.mean(0))
    torch.testing.assert_close(head.feature_std, both.std(0, correction=0))
    torch.testing.assert_close(head(x), (x - both.mean(0)) / both.std(0, correction=0))


def test_a_start_in_closed_form_is_refused() -> None:
    with pytest.raises(TLError, match="'ridge' is no start of head 'embedding'"):
        head_of("embedding", "embedding", init="ridge")
