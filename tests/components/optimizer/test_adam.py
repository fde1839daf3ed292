"""Adam's penalties against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from .samples import one_weight, rule_of


@pytest.mark.parametrize("l2, l1", [(0.25, 0.0), (0.0, 0.2), (0.25, 0.2)])
def test_penalties_are_part_of_the_gradient(l2: float, l1: float) -> None:
    changes = {"lr": 0.1, "betas": [0.5, 0.75], "eps": 1e-12}
    first, second = one_weight("adam", -2.0, [1.0, 0.4], weight_decay=l2, l1=l1, **changes)
    one = 1.0 + l2 * -2.0 - l1
    assert first == pytest.approx(-2.0 - 0.1 * math.copysign(1, one))
    two = 0.4 + l2 * first - l1
    m, v = (0.25 * one + 0.5 * two) / 0.75, (0.75 * 0.25 * one**2 + 0.25 * two**2) / (1 - 0.75**2)
    assert second == pytest.approx(first - 0.1 * m / math.sqrt(v))


def test_what_does_not_decay_has_no_l1_penalty() -> None:
    plain = one_weight("adam", 1.0, [0.3, -0.2], decays=False, l1=0.0)
    assert one_weight("adam", 1.0, [0.3, -0.2], decays=False, l1=10.0) == plain


def test_decoupled_and_penalised_decay_differ() -> None:
    changes = {"lr": 0.1, "weight_decay": 0.5}
    assert one_weight("adam", 2.0, [0.3, 0.1], **changes) != one_weight("adamw", 2.0, [0.3, 0.1], **changes)


def test_the_l1_penalty_adds_no_autograd_graph_to_the_gradient() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = rule_of("adam", l1=0.1).build([{"params": [weight], "lr": 0.1, "decays": True}])
    weight.square().sum().backward()
    optimizer.step()
    assert weight.grad is not None
    assert not weight.grad.requires_grad
    torch.testing.assert_close(weight.grad, torch.full((2, 2), 2.1))
