"""A small model in parts, and optimizers for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.built import option
from tl.components.optimizer.base import Optimizer
from tl.components.optimizer.groups import groups


def parts_of() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "backbone.0": nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4)),
        "backbone.1": nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU()),
        "head": nn.Sequential(nn.Linear(4, 3)),
    }


def rule_of(name: str, **changes: Any) -> Optimizer:
    made: Optimizer = option("optimizer", name, **changes)
    return made


def over(parts: dict[str, nn.Module], name: str, **changes: Any) -> torch.optim.Optimizer:
    """The torch optimizer that the trainer would make."""
    rule = rule_of(name, **changes)
    return rule.build(groups(parts, rule.rates(list(parts)), rule.common["weight_decay"]))


def loss_of(parts: dict[str, nn.Module]) -> Tensor:
    tokens = torch.randint(7, (12, 5), generator=torch.Generator().manual_seed(1))
    hidden = parts["backbone.1"](parts["backbone.0"](tokens).transpose(1, 2)).mean(-1)
    return nn.functional.cross_entropy(parts["head"](hidden), tokens[:, 0] % 3)


def step(parts: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> float:
    loss = loss_of(parts)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def one_weight(name: str, value: float, gradients: list[float], decays: bool = True, **changes: Any) -> list[float]:
    """The value of a single weight after each step, for given gradients, learning rate and decay."""
    weight = nn.Parameter(torch.tensor([[value]], dtype=torch.float64))
    rule = rule_of(name, **changes)
    decay = rule.common["weight_decay"] if decays else 0.0
    group = {"params": [weight], "lr": rule.common["lr"], "weight_decay": decay, "decays": decays}
    optimizer = rule.build([group])
    course = []
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        course.append(weight.item())
    return course
