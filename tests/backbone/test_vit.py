from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from tl.batch import Inputs
from tl.errors import TLError

from .samples import option
from .torchvision_twin import assert_agree, twin


def test_agrees_with_torchvision_at_the_size_of_the_weights(tmp_path: Path) -> None:
    option_at, model = twin("vit", "vit_b_32", tmp_path, 64, image_size=64)
    assert_agree(option_at, model, model.heads, {"heads.head.weight", "heads.head.bias"})
    again = option("vit", name="vit_b_32", weights=str(tmp_path / "weights.pth"), size=None)
    assert again.preprocess.size == 64


def test_positions_are_interpolated_for_another_size(tmp_path: Path) -> None:
    backbone, model = twin("vit", "vit_b_32", tmp_path, 96, image_size=64)
    assert backbone.report is not None
    assert backbone.report.missing == backbone.report.misshaped == ()
    larger = VisionTransformer(96, 32, 12, 12, 768, 3072).eval()
    larger.load_state_dict(interpolate_embeddings(96, 32, model.state_dict()))
    larger.heads = torch.nn.Identity()
    pixels = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(backbone(Inputs(pixels)), larger(pixels), rtol=1e-4, atol=1e-4)


def test_a_size_that_patches_do_not_fill_is_refused() -> None:
    with pytest.raises(TLError, match=r"backbone\.size=100: vit_b_32 takes multiples of 32\."):
        option("vit", name="vit_b_32", weights="none", size=100)
