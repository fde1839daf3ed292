"""Every parameter is in exactly one of the optimizer's groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.components.backbone.samples import TEXT_KINDS, folder, option
from tl.components.optimizer.groups import groups, regrouped

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


def without_decay(part: nn.Module) -> list[str]:
    """The parameters with two dimensions or more that do not decay."""
    names = {id(parameter): name for name, parameter in part.named_parameters()}
    left = [g["params"] for g in groups({"head": part}, RATES, 0.5) if not g["decays"]]
    return sorted(names[id(parameter)] for some in left for parameter in some if parameter.ndim > 1)


@pytest.mark.parametrize(
    "name, changes, expected",
    [
        ("vit", {"name": "vit_b_32", "size": 32}, ["class_token", "positions"]),
        ("convnext", {"name": "convnext_tiny"}, []),
        ("efficientnet", {"name": "efficientnet_b0"}, []),
        ("tiny_text", {}, []),
    ],
)
def test_tokens_and_positions_of_our_backbones_do_not_decay(name: str, changes: Any, expected: list[str]) -> None:
    """torchvision's own training leaves class_token and position_embedding out (references/classification/train.py)."""
    first, second, *_ = option(name, weights="none", **changes).stages()
    assert without_decay(first) == expected
    assert without_decay(second) == (["0.layer_scale", "1.layer_scale", "2.layer_scale"] if name == "convnext" else [])


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("vit", ["cls_token", "position_embeddings"]),
        ("deit", ["cls_token", "distillation_token", "position_embeddings"]),
        ("dinov2_with_registers", ["cls_token", "position_embeddings", "register_tokens"]),
        ("bert", ["position_embeddings.weight"]),
        ("roberta", ["position_embeddings.weight"]),
        ("modernbert", []),
    ],
)
def test_tokens_and_positions_of_transformers_do_not_decay(kind: str, expected: list[str], tmp_path: Path) -> None:
    which = "text_encoder" if kind in TEXT_KINDS else "image_encoder"
    backbone = option(which, weights=str(folder(kind, tmp_path)), config="none")
    assert without_decay(backbone.stages()[0]) == [f"0.{name}" for name in expected]
    assert not any(without_decay(layer) for layer in backbone.stages()[1:])


def test_a_layer_with_one_output_decays_as_any_other() -> None:
    assert without_decay(nn.Sequential(nn.Linear(5, 1), nn.Conv2d(4, 1, 1), nn.Conv1d(1, 6, 1))) == []
    assert without_decay(nn.Embedding(1, 6)) == ["weight"]


def test_a_state_from_before_positions_were_left_out_is_taken_over() -> None:
    """Each parameter keeps its moments, though its number among the optimizer's parameters is another one now."""
    part = nn.ModuleDict({"position_embeddings": nn.Embedding(4, 3), "out": nn.Linear(3, 2)})
    tail = nn.ModuleDict({"token": nn.Embedding(1, 5), "far": nn.Linear(5, 2, bias=False)})
    parts = {"backbone.0": part, "head": tail}
    table, weight, bias = part.parameters()
    then = [{"params": [table, weight], "part": "backbone.0"}, {"params": [bias], "part": "backbone.0"}]
    then += [{"params": list(tail.parameters()), "part": "head"}]
    before = torch.optim.Adam(then, lr=0.1)
    for number, parameter in enumerate([*part.parameters(), *tail.parameters()]):
        parameter.grad = torch.full_like(parameter, number + 1.0)
    before.step()
    now = torch.optim.Adam(groups(parts, RATES, 0.5))
    now.load_state_dict(regrouped(before.state_dict(), now.param_groups))
    for parameter in (*part.parameters(), *tail.parameters()):
        torch.testing.assert_close(now.state[parameter], before.state[parameter])
    again = now.state_dict()
    assert regrouped(again, now.param_groups) == again
    assert [g["weight_decay"] for g in now.param_groups] == [0.5, 0.0, 0.5, 0.0]


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
