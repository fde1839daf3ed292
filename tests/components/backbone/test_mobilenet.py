from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tl.batch import Inputs

from .samples import option
from .torchvision_twin import assert_agree, twin


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"])
def test_agrees_with_torchvision(name: str, tmp_path: Path) -> None:
    backbone, model = twin("mobilenet", name, tmp_path, 64)
    assert_agree(backbone, model, model.classifier, {k for k in model.state_dict() if k.startswith("classifier.")})


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"])
def test_a_stage_ends_where_the_resolution_halves(name: str) -> None:
    backbone = option("mobilenet", name=name, weights="none", size=64).eval()
    x, sides = Inputs(torch.zeros(1, 3, 64, 64)), []
    for stage in range(len(backbone.stages())):
        x = backbone.run(x, stage, stage + 1)
        sides.append(x.values.shape[-1])
    assert sides == [32, 16, 8, 4, 2, 2]
