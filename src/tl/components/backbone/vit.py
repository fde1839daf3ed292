"""Vision Transformer (Dosovitskiy et al. 2021) of torchvision."""

from __future__ import annotations

from functools import partial
from math import isqrt
from typing import Annotated, Any, ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.vision_transformer import interpolate_embeddings

from tl.components.backbone.chain import Chain, at_image_size
from tl.components.backbone.imagenet import Pretrained
from tl.components.backbone.loading import State
from tl.errors import TLError
from tl.recipe.weights import Weights
from tl.space import Form

_POSITIONS = "encoder.pos_embedding"


@final
class ViT(Chain):
    """Patches with positions, then one stage for each layer: (B, 3, size, size) to the class token (B, 768 .. 1280)."""

    MODALITY: ClassVar[str] = "image"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "maps")
    STAGES: ClassVar[dict[str, int]] = {"vit_b_16": 13, "vit_b_32": 13, "vit_l_16": 25, "vit_l_32": 25, "vit_h_14": 33}
    PATCHES: ClassVar[dict[str, int]] = {"vit_b_16": 16, "vit_b_32": 32, "vit_l_16": 16, "vit_l_32": 32, "vit_h_14": 14}

    def __init__(
        self,
        *,
        name: Literal["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"],
        weights: Weights,
        download: bool,
        size: Annotated[int, "at least 14"] | None,
    ) -> None:
        found = Pretrained.find(name, weights, download)
        patch = self.PATCHES[name]
        size = size or _trained_size(found.state, patch) or found.preprocess.size
        if size % patch:
            raise TLError(f"backbone.size={size}: {name} takes multiples of {patch}.")
        fitted = found.with_state(_with_positions_for(found.state, size, patch))
        net, report = fitted.build_net(partial(_net, name, size), dropped=("heads.",))
        *layers, last = net.encoder.layers
        stages = [Patches(net), *layers, nn.Sequential(last, net.encoder.ln)]
        super().__init__(net, stages, net.hidden_dim, at_image_size(found.preprocess, size))
        self.report, self._patch = report, patch

    @property
    def dims(self) -> tuple[int, ...]:
        return (self.dim,) * len(self.stages())

    @property
    def strides(self) -> tuple[int, ...]:
        return (self._patch,) * len(self.stages())


def _net(name: str, size: int) -> Any:
    net = get_model(name, weights=None, image_size=size)
    net.heads = nn.Identity()
    return net


class Patches(nn.Module):
    """Pixels to a class token and one token for each patch; its parameters are those at the root of the net."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.projection, self.dropout = net.conv_proj, net.encoder.dropout
        self.class_token, self.positions = net.class_token, net.encoder.pos_embedding

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.projection(pixels).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(patches), -1, -1), patches], dim=1)
        embedded: Tensor = self.dropout(tokens + self.positions)
        return embedded


def _trained_size(state: State | None, patch: int) -> int | None:
    """The image size that the weights were made for; None where they do not tell."""
    if state is None or _POSITIONS not in state:
        return None
    return isqrt(state[_POSITIONS].shape[1] - 1) * patch


def _with_positions_for(state: State | None, size: int, patch: int) -> State | None:
    """The weights with position embeddings for an image size, interpolated from the trained ones where sizes differ."""
    if state is None or _trained_size(state, patch) in (None, size):
        return state
    fitted: State = interpolate_embeddings(size, patch, dict(state))
    return fitted
