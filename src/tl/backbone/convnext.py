"""ConvNeXt (Liu et al. 2022) of torchvision."""

from __future__ import annotations

from typing import ClassVar, Literal, final

from torch import nn
from torchvision.models import get_model

from tl.backbone.chain import Chain, scaled
from tl.backbone.imagenet import Pretrained
from tl.weights import Weights


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
        size: int | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        net = get_model(name, weights=None)
        norm, _, classifier = net.classifier
        net.classifier = nn.Sequential(norm)
        stem, first, *others = net.features
        pairs = [nn.Sequential(*others[i : i + 2]) for i in range(0, len(others), 2)]
        # The norm comes after the average over positions, so the last stage ends in maps of one position.
        pairs[-1] = nn.Sequential(*pairs[-1], net.avgpool, norm)
        super().__init__(net, [stem, first, *pairs], classifier.in_features, scaled(found.preprocess, size))
        self.report = found.load(net, dropped=("classifier.2.",))
