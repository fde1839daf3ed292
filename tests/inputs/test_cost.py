"""The count of work against published figures and by hand; what storing saves."""

from __future__ import annotations

import pytest
import torch

from tests.components.backbone.samples import backbone_of
from tl.batch import Inputs
from tl.inputs import cost

CPU = torch.device("cpu")


@pytest.mark.parametrize("depth, published", [("resnet18", 1.814e9), ("resnet50", 4.089e9)])
def test_a_resnets_products_are_the_published_ones(depth: str, published: float) -> None:
    """Of torchvision's table (multiply-adds at 224 pixels), without the classifier that a backbone has not."""
    from tl.commands.build_model import build_model
    from tl.recipe.recipe import load
    from tl.space import Space

    recipe = load("base", ["data=tiny_shapes", "backbone=resnet", f"backbone.name={depth}", "backbone.weights=none"])
    backbone = build_model(recipe, Space("single", ("a", "b"))).backbone.eval()
    found = cost.stage_costs(backbone, Inputs(torch.zeros(2, 3, 224, 224)))
    classifier = backbone.dim * 1000
    assert sum(stage.flops for stage in found) / 2 == pytest.approx(published - classifier, rel=2e-3)
    assert found[-1].bytes == 4 * backbone.dim
    assert len(found) == len(backbone.stages()) + 1


def test_padding_is_no_content() -> None:
    backbone = backbone_of("tiny_text")
    ids, mask = torch.ones(2, 8, dtype=torch.long), torch.tensor([[1] * 8, [1] * 4 + [0] * 4])
    found = cost.stage_costs(backbone, Inputs(ids, mask, torch.zeros_like(ids)))
    assert found[0].bytes == pytest.approx(6 * backbone.dim * 4)


def test_storing_saves_all_readings_but_one() -> None:
    second = cost._CORE * torch.get_num_threads()
    assert cost.saved([cost.StageCost(second, 0), cost.StageCost(second, 0)], 5, CPU) == pytest.approx(8)
    assert cost.saved([cost.StageCost(second, cost._FILE)], 5, CPU) == pytest.approx(4 - 6)
    assert cost.saved([cost.StageCost(second, 1)], 1, CPU) < 0
