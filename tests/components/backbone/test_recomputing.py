"""Gradient checkpointing sees the weights of the forward pass, or says that it does not."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tl.components.backbone.recomputing import recomputed


def _stage() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))


def test_the_gradient_is_that_without_checkpointing() -> None:
    plain, other, x = _stage(), _stage(), torch.randn(3, 4)
    plain(x).square().sum().backward()
    recomputed(other, other, x).square().sum().backward()
    for mine, theirs in zip(other.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad)


def test_weights_that_are_swapped_before_the_backward_pass_raise() -> None:
    stage, x = _stage(), torch.randn(3, 4)
    loss = recomputed(stage, stage, x).square().sum()
    with torch.no_grad():
        stage[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match=r"loop.gradient_checkpointing: weights changed .* set .*=false"):
        loss.backward()


def test_weights_that_stand_in_for_a_call_raise() -> None:
    """As in meta-learning: the module's own weights are back when the backward pass begins."""
    stage, x = _stage(), torch.randn(3, 4)
    others = {name: nn.Parameter(value * 2) for name, value in copy.deepcopy(stage).named_parameters()}

    class Called(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stage = stage

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = recomputed(self.stage, self.stage, values)
            return result

    called = {f"stage.{name}": value for name, value in others.items()}
    loss = torch.func.functional_call(Called(), called, (x,)).square().sum()
    with pytest.raises(RuntimeError, match="weights changed between the forward and the backward pass"):
        loss.backward()
