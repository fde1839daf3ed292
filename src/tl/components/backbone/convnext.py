"""ConvNeXt (Liu et al. 2022) of torchvision."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained
from tl.recipe.weights import Weights
from tl.space import Form


@final
class ConvNeXt(Chain):
    """Stem and four groups of blocks, each but the first after a downsampling: (B, 3, H, W) to (B, 768 .. 1536)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
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
        pairs[-1] = nn.Sequential(*pairs[-1], AverageFirst(norm))
        super().__init__(net, [stem, first, *pairs], norm.weight.numel(), at_image_size(found.preprocess, size))
        self.report = report


class AverageFirst(nn.Module):
    """A map (B, C, H, W) as tokens (B, 1 + H W, C): the normalised average of all places, then the places themselves.

    The norm, which has parameters, follows the average over places, so both belong to the last stage.
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.average, self.norm = nn.AdaptiveAvgPool2d(1), norm

    def forward(self, values: Tensor) -> Tensor:
        pooled: Tensor = self.norm(self.average(values))
        return torch.cat([pooled.flatten(2), values.flatten(2)], dim=2).transpose(1, 2)


def _net(name: str) -> Any:
    net = get_model(name, weights=None)
    net.classifier = net.classifier[:1]
    return net
