"""What every adapter keeps: at the start it changes nothing, and what it has to learn it learns."""

from __future__ import annotations

import pytest
import torch

from tests.built import mistakes, option
from tl.components.adapter.base import Adapter
from tl.recipe.registry import options

DIM = 8
every = pytest.mark.parametrize("name", list(options("adapter")))


def adapter_of(name: str) -> Adapter:
    torch.manual_seed(0)
    made: Adapter = option("adapter", name, {"dim": DIM})
    return made


@every
def test_its_yaml_binds(name: str) -> None:
    assert mistakes("adapter", name) == []


@every
def test_it_is_the_identity_at_the_start(name: str) -> None:
    features = torch.randn(5, DIM)
    assert torch.equal(adapter_of(name)(features), features)


@every
def test_it_learns_with_features_that_stay(name: str) -> None:
    adapter = adapter_of(name)
    if not (parameters := list(adapter.parameters())):
        return
    features, wanted = torch.randn(40, DIM), torch.randn(40, DIM)
    optimizer = torch.optim.SGD(parameters, lr=0.5, momentum=0.9)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = (adapter(features) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@every
def test_gradients_reach_what_is_below(name: str) -> None:
    features = torch.randn(5, DIM, requires_grad=True)
    adapter_of(name)(features).sum().backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.ones(5, DIM))
