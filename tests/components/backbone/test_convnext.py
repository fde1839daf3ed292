from __future__ import annotations

from pathlib import Path

from torch import nn

from .torchvision_twin import assert_agree, twin


def test_agrees_with_torchvision(tmp_path: Path) -> None:
    backbone, model = twin("convnext", "convnext_tiny", tmp_path, 64)
    last = model.classifier[2]
    assert isinstance(last, nn.Linear)
    assert_agree(backbone, model, last, {"classifier.2.weight", "classifier.2.bias"})
