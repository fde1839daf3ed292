"""The model: a backbone, an adapter and a head, divided into named parts that learn or are frozen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from tl.batch import Features, Inputs
from tl.components.adapter.base import Adapter
from tl.components.backbone.base import Backbone
from tl.components.head.base import Head
from tl.components.task.base import Task

_Tensors = tuple[Tensor, ...] | list[Tensor]


class Model(nn.Module):
    """The parts are backbone.0 .. backbone.N-1, the adapter where it has parameters, and the head.

    A position in the model is the number of the backbone stage that comes next: 0 is the input, N the pooling, and
    `depth` = N + 1 the pooled features. The head reads at `end`: the pooled features, or N for tokens and maps.
    A cut is the position where the frozen stages of a phase end (see `cut`). `taps` are the positions at which the head
    reads maps, shallow to deep, of which `end` is the last; () where it reads other features.

    With `keep_statistics` the backbone's batch norms stay in eval mode while their stage learns (weights and biases do
    learn): batches of a small set estimate the statistics worse than pretraining did, and a head that was started on
    the features of eval mode sees the same features at the first step.
    """

    def __init__(
        self, backbone: Backbone, adapter: Adapter, head: Head, task: Task, *, keep_statistics: bool = False
    ) -> None:
        super().__init__()
        self.backbone, self.adapter, self.head, self.task = backbone, adapter, head, task
        self.keep_statistics, self.depth = keep_statistics, backbone.depth
        self.end = backbone.depth if task.reads in ("pooled", "pair") else backbone.depth - 1
        self.taps = (head.taps or (self.end,)) if task.reads == "maps" else ()
        self._has_adapter = next(adapter.parameters(), None) is not None
        self._learning: frozenset[str] = frozenset(self.parts())

    def parts(self) -> dict[str, nn.Module]:
        """The parts by name, shallow to deep."""
        stages = {f"backbone.{i}": stage for i, stage in enumerate(self.backbone.stages())}
        adapter = {"adapter": self.adapter} if self._has_adapter else {}
        return {**stages, **adapter, "head": self.head}

    def sizes(self) -> dict[str, int]:
        """The number of parameters of each part; their sum is the model's."""
        return {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in self.parts().items()}

    def features(self, x: Inputs, start: int = 0) -> Features:
        """Features (B, dim), (B, T, dim), maps or, of pairs (2B rows of inputs), (B, 2, dim).

        They come after the adapter; the backbone runs from position `start`.
        """
        if self.task.reads == "maps":
            return self._maps(x, start)
        features = self.of_each(x, start)
        return features.reshape(-1, 2, features.shape[-1]) if self.task.reads == "pair" else features

    def of_each(self, x: Inputs, start: int = 0) -> Tensor:
        """As `features`, for each row of inputs, and not for maps."""
        features: Tensor = x.values if start == self.end else self.backbone(x, start, self.end)
        return self.adapter(features) if self._has_adapter else features

    def _maps(self, x: Inputs, start: int) -> tuple[Tensor, ...]:
        """A map (B, H, W, D) for each tap, of which the last passes the adapter; those before `start` are in `x`."""
        ahead = self.taps[len(x.maps) :]
        found = (x.values,) if start == self.end else self.backbone(x, start, taps=ahead)
        *maps, last = map(self.backbone.grid, (*x.maps, *found))
        return *maps, self.adapter(last) if self._has_adapter else last

    def held(self, cut: int) -> tuple[int, ...]:
        """The positions whose activations a batch holds that starts at a cut: the taps before it, then the cut."""
        return *(tap for tap in self.taps if tap < cut), cut

    def forward(self, x: Inputs, start: int = 0) -> Tensor:
        """The head's outputs (B, space.dim), (B, T, space.dim) of tokens, or (B, H, W, space.dim) of maps."""
        output: Tensor = self.head(self.features(x, start))
        return output

    def loss(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Named terms of the task's loss, each a mean over the batch, whose sum is minimised."""
        return self.task.loss(self.head, output, target)

    def learn(self, names: Collection[str]) -> None:
        """Let the named parts learn and freeze all others: no gradient, eval mode, fixed batch-norm statistics."""
        self._learning = frozenset(names)
        for name, part in self.parts().items():
            part.requires_grad_(name in self._learning)
        self.train(self.training)

    @property
    def learning(self) -> frozenset[str]:
        """The names of the parts that learn."""
        return self._learning

    def estimated_norms(self) -> list[str]:
        """The names of the batch norms whose statistics follow the training batches in the present phase."""
        learning = {
            module for name, part in self.parts().items() if name in self._learning for module in part.modules()
        }
        kept = set(self.backbone.modules()) if self.keep_statistics else set()
        return [
            name
            for name, module in self.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.track_running_stats
            and module in learning - kept
        ]

    def cut(self, learning: Collection[str]) -> int:
        """The first backbone stage among the names of learning parts; `end` where no stage learns.

        What lies below the cut is frozen: its activations can be cached, and a step starts at the cut.
        """
        return next((i for i in range(self.depth - 1) if f"backbone.{i}" in learning), self.end)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the parts that learn; frozen parts stay in eval mode."""
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
    """A copy of the model whose weights and buffers are the moving average of the model's.

    After n updates the decay is min(decay, (1 + n) / (10 + n)), so that the average forgets where it began in a run of
    few steps too (TensorFlow's ExponentialMovingAverage with num_updates). Buffers of whole numbers are copied.
    """

    @torch.no_grad()
    def update(means: _Tensors, values: _Tensors, _: object) -> None:
        if not means[0].is_floating_point():
            torch._foreach_copy_(means, values)
            return
        updates = int(average.n_averaged)  # this one lies on the CPU, so that no step waits for its device
        torch._foreach_lerp_(means, values, 1 - min(decay, (1 + updates) / (10 + updates)))

    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    return average
