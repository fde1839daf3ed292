"""A residual network for pictures of 32 pixels, small enough to be trained in a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, final

import torch.nn.functional as F
from torch import Tensor, nn

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.loading import check_no_model_folder, load, read_weights, run_preprocess
from tl.components.preprocess import ImagePreprocess
from tl.recipe.weights import Weights
from tl.space import Form

TRAINED_WITH = ImagePreprocess(32, 32, "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
STEM, LOW, HIGH, DIM = 24, 48, 96, 128


@final
class TinyImage(Chain):
    """A stem, two residual blocks and a widening convolution: (B, 3, H, W) to (B, 128), batch-norm in every stage."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {"": 4}

    def __init__(self, *, weights: Weights, size: Annotated[int, "at least 8"]) -> None:
        check_no_model_folder(weights, "tiny_image", "tl/components/backbone/shipped/tiny_image.safetensors")
        net = TinyImageNet()
        preprocess = TRAINED_WITH
        if weights.kind == "run" and weights.path is not None:
            preprocess = run_preprocess(weights.path, ImagePreprocess)
        super().__init__(net, net.stages(), DIM, at_image_size(preprocess, size))
        if weights.kind != "none":
            self.report = load(net, read_weights(weights), str(weights.path))


class TinyImageNet(nn.Module):
    """A network of eight convolutions; the deepest ones work at an eighth of the resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, STEM, kernel=5, stride=2), nn.ReLU())
        self.low, self.high = ResidualBlock(STEM, LOW), ResidualBlock(LOW, HIGH)
        self.wide = nn.Sequential(_convolution(HIGH, DIM, kernel=1), nn.ReLU())

    def stages(self) -> Sequence[nn.Module]:
        return [self.stem, self.low, self.high, self.wide]


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut, at half the resolution (He et al. 2016)."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.first = _convolution(dim_in, dim_out, kernel=3, stride=2)
        self.second = _convolution(dim_out, dim_out, kernel=3)
        self.shortcut = _convolution(dim_in, dim_out, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(F.avg_pool2d(x, 2, ceil_mode=True)))


def _convolution(dim_in: int, dim_out: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(dim_in, dim_out, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(dim_out))
