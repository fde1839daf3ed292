"""Every parameter is in exactly one of the optimizer's groups."""

from __future__ import annotations

from torch import nn

from tl.components.optimizer.groups import groups

from .samples import parts_of

RATES = {"backbone.0": 0.1, "backbone.1": 0.2, "head": 0.3}


def test_every_parameter_is_in_exactly_one_group() -> None:
    parts = parts_of()
    grouped = [id(parameter) for group in groups(parts, RATES, 0.5) for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for module in parts.values() for parameter in module.parameters()}


def test_groups_carry_their_part_rate_and_decay() -> None:
    found = groups(parts_of(), RATES, 0.5)
    assert [(g["part"], g["decays"], g["weight_decay"]) for g in found] == [
        (part, decays, 0.5 if decays else 0.0) for part in RATES for decays in (True, False)
    ]
    assert all(g["lr"] == g["peak_lr"] == RATES[g["part"]] for g in found)
    assert [len(g["params"]) for g in found] == [1, 2, 1, 3, 1, 1]
    assert all((parameter.ndim > 1) == g["decays"] for g in found for parameter in g["params"])


def test_tied_weights_belong_to_the_first_part() -> None:
    embedding, output = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    output.weight = embedding.weight
    (only,) = groups({"backbone.0": embedding, "head": output}, RATES, 0.0)
    assert only["part"] == "backbone.0"
    assert only["params"] == [embedding.weight]


def test_frozen_parameters_are_in_so_that_they_can_learn_later() -> None:
    parts = parts_of()
    parts["backbone.0"].requires_grad_(False)
    assert {g["part"] for g in groups(parts, RATES, 0.0)} == set(RATES)


def test_parts_without_parameters_have_no_group() -> None:
    assert groups({"head": nn.ReLU()}, RATES, 0.0) == []
