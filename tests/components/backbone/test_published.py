from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import get_model_weights

from tl.components.backbone.published import checkpoints, published_file
from tl.recipe.registry import options
from tl.recipe.signature import literal

HUB = ("convnext", "efficientnet", "mobilenet", "resnet", "vit")
NAMES = [name for option in HUB for name in dict(literal(options("backbone")[option].source, "STAGES"))]  # type: ignore[call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_read_from_the_source_is_torchvisions_own(name: str) -> None:
    members: dict[str, Any] = dict(get_model_weights(name).__members__)
    for entry, weights in members.items():
        file = weights.url.rpartition("/")[2]
        assert published_file(name, entry) == published_file(name, entry.lower()) == file
    assert published_file(name, "NO_SUCH") is None


def test_an_unknown_architecture_has_no_file() -> None:
    assert published_file("resnet17", "default") is None


def test_the_folder_is_torch_hubs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variables in ({}, {"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": str(tmp_path / "x")}):
        with monkeypatch.context() as patched:
            patched.setattr(torch.hub, "_hub_dir", None)  # another test may have set it
            for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
                patched.delenv(name, raising=False)
            for name, value in variables.items():
                patched.setenv(name, value)
            assert checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"
