"""torchvision's published weights: found in its cache, never fetched unasked, with their own preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torchvision.models import ResNet18_Weights, ResNet50_Weights, get_model

from tl.errors import TLError

from .samples import option


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    yield tmp_path / "checkpoints"
    torch.hub.set_dir(before)


@pytest.mark.parametrize("hub", ["hub:default", "hub:IMAGENET1K_V1", "hub:imagenet1k_v1"])
def test_the_cached_file_is_used(hub: str, cache: Path) -> None:
    model = get_model("resnet18", weights=None)
    torch.save(model.state_dict(), cache / "resnet18-f37072fd.pth")
    backbone = option("resnet", name="resnet18", weights=hub)
    assert torch.equal(backbone.state_dict()["net.conv1.weight"], model.conv1.weight)
    assert backbone.report.lines()[0] == "loaded 120 of 120 tensors from torchvision's ResNet18_Weights.IMAGENET1K_V1"


def test_what_is_not_cached_is_not_fetched_unasked(cache: Path) -> None:
    with pytest.raises(TLError) as error:
        option("resnet", name="resnet18", weights="hub:default")
    assert str(error.value) == (
        f"resnet18-f37072fd.pth is not in {cache}: put it there, or set backbone.download=true to fetch it."
    )


def test_unknown_weights_are_refused_with_those_there_are(cache: Path) -> None:
    with pytest.raises(TLError, match=r"no such weights of resnet50\. Did you mean 'IMAGENET1K_V2'\?"):
        option("resnet", name="resnet50", weights="hub:IMAGENET1K_V3")
    with pytest.raises(TLError, match="There is: IMAGENET1K_V1, default"):
        option("resnet", name="resnet18", weights="hub:facebook/dinov2")


def test_a_published_file_brings_its_own_preprocessing(tmp_path: Path) -> None:
    file = tmp_path / ResNet50_Weights.IMAGENET1K_V2.url.rpartition("/")[2]
    torch.save(get_model("resnet50", weights=None).state_dict(), file)
    found = option("resnet", name="resnet50", weights=str(file)).preprocess
    assert (found.size, found.resize, found.interpolation) == (224, 232, "bilinear")


def test_preprocessing_is_torchvisions_own() -> None:
    import numpy as np
    from PIL import Image

    ours = option("resnet", name="resnet18", weights="none").preprocess
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8))
    theirs = ResNet18_Weights.DEFAULT.transforms()(image)
    torch.testing.assert_close(ours.tensor(ours.crop(image)), theirs, rtol=0, atol=1e-6)


def test_another_size_keeps_the_share_of_the_image() -> None:
    found = option("resnet", name="resnet18", weights="none", size=112).preprocess
    assert (found.size, found.resize) == (112, 128)
