from __future__ import annotations

from pathlib import Path

from .torchvision_twin import assert_agree, twin


def test_agrees_with_torchvision(tmp_path: Path) -> None:
    backbone, model = twin("efficientnet", "efficientnet_b0", tmp_path, 64)
    assert_agree(backbone, model, model.classifier, {"classifier.1.weight", "classifier.1.bias"})
