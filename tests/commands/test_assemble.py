"""What assembling a recipe decides on its own."""

from __future__ import annotations

from dataclasses import replace

import torch

from tests.conftest import TEXT
from tl.commands.assemble import assemble
from tl.commands.build_model import build_model
from tl.recipe.recipe import load


def test_where_head_and_adapter_start_does_not_hang_on_the_backbones_weights() -> None:
    recipe = load("base", [*TEXT, "head=mlp", "adapter=bottleneck"])
    scratch = replace(recipe, backbone=replace(recipe.backbone, values={**recipe.backbone.values, "weights": "none"}))
    task = assemble(recipe).model.task
    one, other = build_model(recipe, task), build_model(scratch, task)
    for mine, theirs in ((one.head, other.head), (one.adapter, other.adapter)):
        assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))
    assert not torch.equal(next(one.backbone.parameters()), next(other.backbone.parameters()))
