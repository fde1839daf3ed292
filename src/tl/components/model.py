"""The model: a backbone, an adapter and a head, cut into named parts that learn or are frozen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tl.batch import Inputs
from tl.components.adapter.base import Adapter
from tl.components.backbone.base import Backbone
from tl.components.head.base import Head


class Model(nn.Module):
    """Its parts are backbone.0 .. backbone.N-1, the adapter where it has parameters, and the head.

    With `keep_statistics` the backbone's batch norms stay in eval mode while their stage learns (weights and biases do
    learn): batches of a small set estimate the statistics worse than pretraining did, and a head that was started on
    the features of eval mode sees the same features at the first step.
    """

    def __init__(self, backbone: Backbone, adapter: Adapter, head: Head, *, keep_statistics: bool = False) -> None:
        super().__init__()
        self.backbone, self.adapter, self.head = backbone, adapter, head
        self.keep_statistics = keep_statistics
        self.depth = backbone.depth
        self._adapts = next(adapter.parameters(), None) is not None
        self._learning: frozenset[str] = frozenset(self.parts())

    def parts(self) -> dict[str, nn.Module]:
        """The parts by name, shallow to deep."""
        stages = {f"backbone.{i}": stage for i, stage in enumerate(self.backbone.stages())}
        adapter = {"adapter": self.adapter} if self._adapts else {}
        return {**stages, **adapter, "head": self.head}

    def features(self, x: Inputs, start: int = 0) -> Tensor:
        """Features (B, dim) after the adapter; `start` is the first backbone stage still to run.

        At `start` = depth the inputs are pooled features already. An adapter without parameters passes them unchanged.
        """
        features: Tensor = x.values if start == self.depth else self.backbone(x, start)
        return self.adapter(features) if self._adapts else features

    def forward(self, x: Inputs, start: int = 0) -> Tensor:
        """The head's outputs (B, space.dim)."""
        output: Tensor = self.head(self.features(x, start))
        return output

    def learn(self, names: Collection[str]) -> None:
        """Let the named parts learn and freeze all others: no gradient, eval mode, batch-norm statistics still."""
        self._learning = frozenset(names)
        for name, part in self.parts().items():
            part.requires_grad_(name in self._learning)
        self.train(self.training)

    @property
    def learning(self) -> frozenset[str]:
        """The names of the parts that learn."""
        return self._learning

    def cut(self, learning: Collection[str]) -> int:
        """The first backbone stage among these parts, from which a frozen prefix is cut off; `depth` where none is."""
        return next((i for i in range(self.depth - 1) if f"backbone.{i}" in learning), self.depth)

    def train(self, mode: bool = True) -> Self:
        """Frozen parts stay in eval mode whatever is asked of the whole."""
        super().train(mode)
        for name, part in self.parts().items():
            if name not in self._learning:
                part.eval()
        if self.keep_statistics:
            for module in self.backbone.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


def averaged(model: Model, decay: float) -> AveragedModel:
    """A copy that follows the model's weights as a moving average; its buffers are the model's own."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
