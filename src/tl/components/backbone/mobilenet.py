"""MobileNet V2 (Sandler et al. 2018) and V3 (Howard et al. 2019) of torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal, final

from torch import nn

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained, headless
from tl.recipe.weights import Weights
from tl.space import Form


@final
class MobileNet(Chain):
    """A stage for each resolution and one for the widening convolution: (B, 3, H, W) to (B, 1280, 576 or 960)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {"mobilenet_v2": 6, "mobilenet_v3_small": 6, "mobilenet_v3_large": 6}

    def __init__(
        self,
        *,
        name: Literal["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"],
        weights: Weights,
        download: bool,
        size: Annotated[int, "at least 1"] | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        net, report = found.build_net(partial(headless, name, "classifier"), dropped=("classifier.",))
        *blocks, wide = net.features
        stages = [*_by_resolution(blocks), wide]
        super().__init__(net, stages, wide.out_channels, at_image_size(found.preprocess, size))
        self.report = report


def _by_resolution(blocks: Sequence[nn.Module]) -> list[nn.Sequential]:
    groups: list[list[nn.Module]] = []
    for block in blocks:
        if not groups or any(isinstance(m, nn.Conv2d) and m.stride[0] > 1 for m in block.modules()):
            groups.append([])
        groups[-1].append(block)
    return [nn.Sequential(*group) for group in groups]
