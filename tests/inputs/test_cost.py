"""The count of work against published figures and by hand; what storing saves."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torchvision.models import get_model_weights

from tests.components.backbone.samples import backbone_of, option
from tl.batch import Inputs
from tl.inputs import cost

CPU = torch.device("cpu")


NETS = {
    "resnet18": "resnet",
    "resnet50": "resnet",
    "vit_b_16": "vit",
    "convnext_tiny": "convnext",
    "efficientnet_b0": "efficientnet",
}


@cache
def costs(name: str) -> list[cost.StageCost]:
    backbone = option(NETS[name], name=name, weights="none", size=224).eval()
    return cost.stage_costs(backbone, Inputs(torch.zeros(1, 3, 224, 224)))


@pytest.mark.parametrize("name", NETS)
def test_the_work_of_a_network_is_the_published_one(name: str) -> None:
    """Of torchvision's table (billions of multiply-adds), less the classifier that a backbone has not."""
    published = get_model_weights(name)["IMAGENET1K_V1"].meta["_ops"]
    dim = costs(name)[-1].bytes / 4
    assert sum(stage.flops for stage in costs(name)) / 2e9 == pytest.approx(published - dim * 1e-6, rel=1e-3)


def test_attention_is_counted_by_hand() -> None:
    """Two products of tokens with tokens in each layer, beside the linear maps: 4 D² of attention, 8 D² behind it."""
    backbone = backbone_of("tiny_text").eval()
    tokens, dim = 40, backbone.dim
    ids = torch.ones(2, tokens, dtype=torch.long)
    _, layer, _, pooling = cost.stage_costs(backbone, Inputs(ids, torch.ones_like(ids), torch.zeros_like(ids)))
    assert layer.flops == 2 * tokens * 12 * dim**2 + 2 * 2 * tokens**2 * dim
    assert pooling.flops == 0


def test_what_a_vision_transformer_computes_on_a_gpu_is_worth_storing() -> None:
    """Five readings of what the last layer but one of ViT-B/16 gives: 0.6 MB, and 33 billion operations."""
    below = costs("vit_b_16")[:12]
    assert cost.saved(below, below[-1].bytes, 5, torch.device("cuda")) > 0


def test_padding_is_no_content() -> None:
    backbone = backbone_of("tiny_text")
    ids, mask = torch.ones(2, 8, dtype=torch.long), torch.tensor([[1] * 8, [1] * 4 + [0] * 4])
    found = cost.stage_costs(backbone, Inputs(ids, mask, torch.zeros_like(ids)))
    assert found[0].bytes == pytest.approx(6 * backbone.dim * 4)


def test_storing_saves_all_readings_but_one() -> None:
    second = cost._CORE * torch.get_num_threads()
    assert cost.saved([cost.StageCost(second, 0), cost.StageCost(second, 0)], 0, 5, CPU) == pytest.approx(8)
    assert cost.saved([cost.StageCost(second, 0)], cost._FILE, 5, CPU) == pytest.approx(4 - 6)
    assert cost.saved([cost.StageCost(second, 0)], 1, 1, CPU) < 0
