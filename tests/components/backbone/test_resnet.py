from __future__ import annotations

from pathlib import Path

from .torchvision_twin import assert_agree, twin


def test_agrees_with_torchvision(tmp_path: Path) -> None:
    backbone, model = twin("resnet", "resnet18", tmp_path, 64)
    assert_agree(backbone, model, model.fc, {"fc.weight", "fc.bias"})


def test_features_are_as_wide_as_the_last_layer(tmp_path: Path) -> None:
    assert twin("resnet", "resnet50", tmp_path, 64)[0].dim == 2048
