"""Stochastic gradient descent against values computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tl.errors import TLError

from .samples import one_weight, rule_of


@pytest.mark.parametrize("nesterov", [False, True])
def test_two_steps_by_hand(nesterov: bool) -> None:
    changes = {"lr": 0.1, "weight_decay": 0.5, "l1": 0.2, "momentum": 0.9, "nesterov": nesterov}
    first, second = one_weight("sgd", 2.0, [1.0, -3.0], **changes)
    one = 1.0 + 0.5 * 2.0 + 0.2
    velocity = one
    assert first == pytest.approx(2.0 - 0.1 * (one + 0.9 * velocity if nesterov else velocity))
    two = -3.0 + 0.5 * first + 0.2
    velocity = 0.9 * velocity + two
    assert second == pytest.approx(first - 0.1 * (two + 0.9 * velocity if nesterov else velocity))


def test_an_l1_penalty_makes_useless_weights_nearly_zero() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 10)
    y = x[:, :1] * 3 + 0.1 * torch.randn(200, 1)
    weight = nn.Parameter(torch.randn(1, 10))
    rule = rule_of("sgd", l1=0.5, momentum=0.0)
    optimizer = rule.build([{"params": [weight], "lr": 0.01, "weight_decay": 0.0, "decays": True}])
    for _ in range(500):
        optimizer.zero_grad()
        (x @ weight.T - y).square().mean().backward()
        optimizer.step()
    assert weight[0, 1:].abs().max() <= 0.01
    assert weight[0, 0].item() == pytest.approx(3 - 0.5 / (2 * x[:, 0].square().mean().item()), abs=0.05)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(TLError, match=r"optimizer\.nesterov: true needs optimizer\.momentum above 0"):
        rule_of("sgd", momentum=0.0, nesterov=True)
