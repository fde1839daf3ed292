from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from tests.built import sealed
from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.tiny_image import TinyImage
from tl.components.data.tiny_shapes import SHAPES, draw
from tl.components.preprocess import ImagePreprocess
from tl.components.preprocess_file import to_json
from tl.components.sample import Picture
from tl.errors import TLError
from tl.recipe.weights import Weights

from .samples import option

SHIPPED = "package:tl/components/backbone/shipped/tiny_image.safetensors"


def by_hand(state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The forward pass in evaluation mode, written out."""

    def convolve(x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = state[f"{name}.0.weight"]
        maps = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        norm = (state[f"{name}.1.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias"))
        mean, variance, weight, bias = norm
        return (maps - mean) / (variance + 1e-5).sqrt() * weight + bias

    x = convolve(x, "stem.0", 2).relu()
    for block in ("low", "high"):
        deep = convolve(convolve(x, f"{block}.first", 2).relu(), f"{block}.second")
        x = (deep + convolve(F.avg_pool2d(x, 2), f"{block}.shortcut")).relu()
    return convolve(x, "wide.0").relu().mean((2, 3))


def accuracy(backbone: Backbone, per_class: int) -> float:
    """Of logistic regression on the features of 400 drawn shapes, `per_class` of each for training."""
    assert backbone.preprocess.modality == "image"
    from tl.components.picture import open_image

    pictures = [Picture("", "", lambda i=i: draw(SHAPES[i % 4], 0, i)) for i in range(400)]  # type: ignore[misc]
    pixels = torch.stack([backbone.preprocess.tensor(open_image(picture)) for picture in pictures])
    with torch.no_grad():
        features = backbone.eval()(Inputs(pixels)).numpy()
    labels = np.arange(400) % 4
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(
        features[: 4 * per_class], labels[: 4 * per_class]
    )
    return float(probe.score(features[4 * per_class :], labels[4 * per_class :]))


def test_default_weights_are_shipped_and_load_completely() -> None:
    report = option("tiny_image").report
    assert report.source.endswith("tl/components/backbone/shipped/tiny_image.safetensors")
    assert len(report.loaded) == 8 * 6  # eight convolutions, each with the five tensors of a batch-norm
    assert (report.missing, report.unexpected, report.misshaped) == ((), (), ())


def test_shipped_weights_tell_shapes_apart_better_than_random_ones() -> None:
    torch.manual_seed(0)
    random = accuracy(option("tiny_image", weights="none"), per_class=20)
    assert accuracy(option("tiny_image"), per_class=20) > random + 0.2


def test_forward_is_what_is_written_out_by_hand() -> None:
    backbone = option("tiny_image").eval()
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = backbone(Inputs(x))
    assert features.shape == (3, 128)
    torch.testing.assert_close(features, by_hand(backbone.net.state_dict(), x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 33, 100])
def test_other_sizes_give_the_same_number_of_features(size: int) -> None:
    backbone = option("tiny_image", size=size).eval()
    assert backbone.preprocess.size == size
    assert backbone(Inputs(torch.zeros(2, 3, size, size))).shape == (2, 128)


def test_a_run_gives_its_weights_and_its_preprocessing(tmp_path: Path) -> None:
    torch.manual_seed(3)
    trained = TinyImage(weights=Weights("none"), size=32)
    save_file(
        {f"backbone.{name}": value for name, value in trained.state_dict().items()}, tmp_path / "model.safetensors"
    )
    sealed(tmp_path)
    preprocess = ImagePreprocess(32, 36, "bicubic", (0.1, 0.2, 0.3), (1.0, 1.0, 1.0))
    (tmp_path / "preprocess.json").write_text(to_json(preprocess))
    found = TinyImage(weights=Weights.parse(str(tmp_path)), size=32)
    assert found.preprocess == preprocess
    for name, value in trained.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)


def test_mistakes_are_named() -> None:
    with pytest.raises(TLError, match=r"^backbone\.weights=hub:some/model holds no tiny_image: write none, package:"):
        option("tiny_image", weights="hub:some/model")
