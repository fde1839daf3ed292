"""ResNet (He et al. 2016), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko and Komodakis 2016) of torchvision."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal, final

from torch import nn

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained, headless
from tl.recipe.weights import Weights
from tl.space import Form


@final
class ResNet(Chain):
    """Stem and four groups of blocks: (B, 3, H, W) to (B, 512 or 2048)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {
        "resnet18": 5,
        "resnet34": 5,
        "resnet50": 5,
        "resnet101": 5,
        "resnet152": 5,
        "resnext50_32x4d": 5,
        "resnext101_32x8d": 5,
        "resnext101_64x4d": 5,
        "wide_resnet50_2": 5,
        "wide_resnet101_2": 5,
    }

    def __init__(
        self,
        *,
        name: Literal[
            "resnet18",
            "resnet34",
            "resnet50",
            "resnet101",
            "resnet152",
            "resnext50_32x4d",
            "resnext101_32x8d",
            "resnext101_64x4d",
            "wide_resnet50_2",
            "wide_resnet101_2",
        ],
        weights: Weights,
        download: bool,
        size: Annotated[int, "at least 1"] | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        net, report = found.build_net(partial(headless, name, "fc"), dropped=("fc.",))
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        stages = [stem, net.layer1, net.layer2, net.layer3, net.layer4]
        super().__init__(net, stages, net.inplanes, at_image_size(found.preprocess, size))
        self.report = report
