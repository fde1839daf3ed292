from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tl.batch import Inputs
from tl.errors import TLError

from .samples import option
from .torchvision_twin import assert_agree, twin


def test_agrees_with_torchvision_at_the_size_of_the_weights(tmp_path: Path) -> None:
    backbone, model = twin("vit", "vit_b_32", tmp_path, None, image_size=64)
    assert backbone.preprocess.size == 64
    assert_agree(backbone, model, model.heads, {"heads.head.weight", "heads.head.bias"})


def test_positions_are_interpolated_for_another_size(tmp_path: Path) -> None:
    """From 2 x 2 patches to 3 x 3: the corners stay, and the middle is the mean of the four."""
    backbone, model = twin("vit", "vit_b_32", tmp_path, 96, image_size=64)
    assert backbone.report is not None
    assert backbone.report.missing == backbone.report.misshaped == ()
    trained = model.state_dict()["encoder.pos_embedding"][0]
    fitted = backbone.state_dict()["net.encoder.pos_embedding"][0]
    torch.testing.assert_close(fitted[[0, 1, 3, 7, 9]], trained)
    torch.testing.assert_close(fitted[5], trained[1:].mean(0), rtol=1e-5, atol=1e-6)
    assert backbone(Inputs(torch.zeros(1, 3, 96, 96))).shape == (1, 768)


def test_a_size_that_patches_do_not_fill_is_refused() -> None:
    with pytest.raises(TLError, match=r"backbone\.size=100: vit_b_32 takes multiples of 32\."):
        option("vit", name="vit_b_32", weights="none", size=100)
