"""What holds for every optimizer: frozen parameters do not change, norms and biases never decay, states resume."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from tests.built import mistakes
from tl.recipe.registry import options

from .samples import loss_of, over, parts_of, rule_of, step

EVERY = list(options("optimizer"))
every = pytest.mark.parametrize("name", EVERY)
WITH_L1 = [name for name in EVERY if not mistakes("optimizer", name, l1=1e-3)]


def values(module: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


@every
def test_its_yaml_binds(name: str) -> None:
    assert mistakes("optimizer", name) == []


@every
def test_the_loss_falls(name: str) -> None:
    parts = parts_of()
    optimizer = over(parts, name, lr=0.02, head_factor=1.0)
    losses = [step(parts, optimizer) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]


@every
def test_parameters_frozen_after_some_steps_do_not_change(name: str) -> None:
    parts = parts_of()
    optimizer = over(parts, name, lr=0.02, weight_decay=0.1, **({"l1": 1e-3} if name in WITH_L1 else {}))
    for _ in range(5):
        step(parts, optimizer)
    parts["backbone.1"].requires_grad_(False)
    parts["backbone.0"].requires_grad_(False)
    still, moving = values(parts["backbone.1"]), values(parts["head"])
    for _ in range(5):
        step(parts, optimizer)
    assert all(torch.equal(a, b) for a, b in zip(still, values(parts["backbone.1"]), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(moving, values(parts["head"]), strict=True))


@every
def test_norms_and_biases_never_decay_and_the_rest_does(name: str) -> None:
    parts = parts_of()
    optimizer = over(parts, name, lr=0.01, weight_decay=0.1, **({"l1": 1e-2} if name in WITH_L1 else {}))
    before = {part: values(module) for part, module in parts.items()}
    for _ in range(3):
        for module in parts.values():
            for parameter in module.parameters():
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    for part, module in parts.items():
        for old, new in zip(before[part], module.parameters(), strict=True):
            if old.ndim == 1:
                assert torch.equal(old, new)
            else:
                assert new.abs().sum() < old.abs().sum()


@every
def test_a_stored_state_goes_on_bit_for_bit(name: str) -> None:
    parts = parts_of()
    optimizer = over(parts, name, lr=0.02)
    for _ in range(3):
        step(parts, optimizer)
    again = deepcopy(parts)
    resumed = over(again, name, lr=0.02)
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    assert [step(parts, optimizer) for _ in range(3)] == [step(again, resumed) for _ in range(3)]
    assert all(
        torch.equal(a, b) for part in parts for a, b in zip(values(parts[part]), values(again[part]), strict=True)
    )


@every
def test_a_rate_of_zero_is_no_step(name: str) -> None:
    parts = parts_of()
    optimizer = over(parts, name, weight_decay=0.1)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * 0
    before = {part: values(module) for part, module in parts.items()}
    step(parts, optimizer)
    assert all(torch.equal(a, b) for part in parts for a, b in zip(before[part], values(parts[part]), strict=True))


@every
def test_rates_fall_by_the_stage_factor_from_the_top(name: str) -> None:
    rule = rule_of(name, lr=0.01, stage_factor=2.6, head_factor=5.0)
    rates = rule.rates(["backbone.0", "backbone.1", "backbone.2", "adapter", "head", "method"])
    expected = [0.01 / 2.6**2, 0.01 / 2.6, 0.01, 0.05, 0.05, 0.05]
    assert list(rates.values()) == pytest.approx(expected)


@pytest.mark.parametrize("name", WITH_L1)
@pytest.mark.parametrize("unscaled_before", [True, False])
def test_an_l1_penalty_is_not_divided_by_the_loss_scale(name: str, unscaled_before: bool) -> None:
    """Scaled losses, as with fp16, move the weights as losses as they are; clipping takes the scale off before."""
    plain, scaled = parts_of(), parts_of()
    rules = [over(parts, name, lr=0.1, l1=0.2, weight_decay=0.0) for parts in (plain, scaled)]
    step(plain, rules[0])
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(loss_of(scaled)).backward()
    if unscaled_before:
        scaler.unscale_(rules[1])
    scaler.step(rules[1])
    for one, other in zip(plain.values(), scaled.values(), strict=True):
        for expected, found in zip(values(one), values(other), strict=True):
            torch.testing.assert_close(found, expected)
