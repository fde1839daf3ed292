"""EfficientNet (Tan and Le 2019) and EfficientNetV2 (Tan and Le 2021) of torchvision."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal, final

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained, headless
from tl.recipe.weights import Weights
from tl.space import Form


@final
class EfficientNet(Chain):
    """Stem, groups of blocks and a widening convolution: (B, 3, H, W) to (B, 1280 .. 2560)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {
        "efficientnet_b0": 9,
        "efficientnet_b1": 9,
        "efficientnet_b2": 9,
        "efficientnet_b3": 9,
        "efficientnet_b4": 9,
        "efficientnet_b5": 9,
        "efficientnet_b6": 9,
        "efficientnet_b7": 9,
        "efficientnet_v2_s": 8,
        "efficientnet_v2_m": 9,
        "efficientnet_v2_l": 9,
    }

    def __init__(
        self,
        *,
        name: Literal[
            "efficientnet_b0",
            "efficientnet_b1",
            "efficientnet_b2",
            "efficientnet_b3",
            "efficientnet_b4",
            "efficientnet_b5",
            "efficientnet_b6",
            "efficientnet_b7",
            "efficientnet_v2_s",
            "efficientnet_v2_m",
            "efficientnet_v2_l",
        ],
        weights: Weights,
        download: bool,
        size: Annotated[int, "at least 1"] | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        net, report = found.build_net(partial(headless, name, "classifier"), dropped=("classifier.",))
        stages = list(net.features)
        super().__init__(net, stages, stages[-1].out_channels, at_image_size(found.preprocess, size))
        self.report = report
