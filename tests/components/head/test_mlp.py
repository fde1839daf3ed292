"""The head with hidden layers against computations by hand."""

from __future__ import annotations

import torch

from .samples import DIM, head_of


def test_its_parameters_are_counted_by_hand() -> None:
    plain = head_of("mlp", hidden=[5, 7])
    assert sum(p.numel() for p in plain.parameters()) == (DIM * 5 + 5) + (5 * 7 + 7) + (7 * 3 + 3)
    narrow = head_of("mlp", hidden=[5], bottleneck=2)
    assert sum(p.numel() for p in narrow.parameters()) == (DIM * 5 + 5) + (5 * 2 + 2) + (2 * 3 + 3)


def test_it_computes_what_it_says() -> None:
    head = head_of("mlp", hidden=[5], bottleneck=2, activation="relu", dropout=0.5).eval()
    first, _, _, narrow, last = head.layers
    x = torch.randn(4, DIM)
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    bottleneck = hidden @ narrow.weight.T + narrow.bias
    torch.testing.assert_close(head(x), bottleneck @ last.weight.T + last.bias)


def test_dropout_drops_in_training_only() -> None:
    head, x = head_of("mlp", dropout=0.5), torch.randn(4, DIM)
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), head(x))
