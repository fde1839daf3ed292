"""ConvNeXt (Liu et al. 2022) of torchvision."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar, Literal, final

from torch import nn
from torchvision.models import get_model

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained
from tl.recipe.weights import Weights


@final
class ConvNeXt(Chain):
    """Stem and four groups of blocks, each but the first after a downsampling: (B, 3, H, W) to (B, 768 .. 1536)."""

    MODALITY: ClassVar[str] = "image"
    STAGES: ClassVar[dict[str, int]] = {
        "convnext_tiny": 5,
        "convnext_small": 5,
        "convnext_base": 5,
        "convnext_large": 5,
    }

    def __init__(
        self,
        *,
        name: Literal["convnext_tiny", "convnext_small", "convnext_base", "convnext_large"],
        weights: Weights,
        download: bool,
        size: Annotated[int, "at least 32"] | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        net, report = found.build_net(partial(_net, name), dropped=("classifier.2.",))
        (norm,) = net.classifier
        stem, first, *others = net.features
        pairs = [nn.Sequential(*others[i : i + 2]) for i in range(0, len(others), 2)]
        # The norm follows the average over positions, so the last stage includes both and ends in maps of one position.
        pairs[-1] = nn.Sequential(*pairs[-1], net.avgpool, norm)
        super().__init__(net, [stem, first, *pairs], norm.weight.numel(), at_image_size(found.preprocess, size))
        self.report = report


def _net(name: str) -> Any:
    net = get_model(name, weights=None)
    net.classifier = net.classifier[:1]
    return net
