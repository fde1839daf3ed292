"""A model's outputs and features over exactly the samples of a split, however many processes share the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tl.batch import Inputs
from tl.components.model import Model
from tl.evaluation.measured import MEASURED, measured
from tl.inputs.streams import Source, by_length
from tl.metrics.catalogue import Metric
from tl.metrics.measured import compute_metrics
from tl.place import Share
from tl.space import Space


@dataclass(frozen=True)
class Outputs:
    """A model's outputs (N, C) for a split, with targets and ids, in the order of the split."""

    outputs: Tensor
    targets: Tensor
    ids: tuple[str, ...]

    def scores(self, model: Model, temperature: float = 1.0) -> npt.NDArray[np.float64]:
        """Probabilities (N, C), or numbers (N, K) in raw units."""
        scores = model.head.scores(self.outputs.to(model.head.mean.device), temperature)
        return np.asarray(scores.double().cpu().numpy())

    def metrics(self, model: Model, temperature: float = 1.0) -> dict[str, float]:
        """The value of every metric for the model's kind of output."""
        return compute_metrics(measured(model.head.space, self.scores(model, temperature), self.targets.numpy()))


class Evaluator:
    """Runs a model in eval mode over samples, and gathers the results of all processes."""

    def __init__(self, batch: int, share: Share, device: torch.device) -> None:
        self.batch, self.share, self.device = batch, share, device

    def outputs(self, model: Model, items: Source) -> Outputs:
        """The model's outputs for every sample."""
        outputs, targets = self._run(model, items, model)
        return Outputs(outputs, targets, tuple(items.samples.ids))

    def features(self, model: Model, items: Source) -> tuple[Tensor, Tensor]:
        """The features (N, dim) after the adapter, and the targets."""
        return self._run(model, items, _Features(model))

    @torch.no_grad()
    def _run(self, model: Model, items: Source, forward: torch.nn.Module) -> tuple[Tensor, Tensor]:
        was_training = model.training
        model.eval()
        order, batches = by_length(items, self.batch, self.share)
        places = (torch.from_numpy(order) - self.share.rank) // self.share.world
        outputs, targets, done = *_nothing(model), 0
        for batch in batches:
            moved = batch.to(self.device)
            found = forward(moved.x, moved.start).float().cpu()
            if not done:  # only the first batch tells how wide the rows are
                outputs, targets = (one.new_empty((len(order), *one.shape[1:])) for one in (found, batch.y))
            here = places[done : done + len(found)]
            outputs[here], targets[here], done = found, batch.y, done + len(found)
        model.train(was_training)
        return self._gather(outputs, len(items)), self._gather(targets, len(items))

    def _gather(self, own: Tensor, n: int) -> Tensor:
        if self.share.world == 1:
            return own
        parts: list[Tensor | None] = [None] * self.share.world
        torch.distributed.all_gather_object(parts, own)
        whole = torch.empty((n, *own.shape[1:]), dtype=own.dtype)
        for rank, part in enumerate(parts):
            assert part is not None
            whole[rank :: self.share.world] = part
        return whole


class _Features(torch.nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Inputs, start: int) -> Tensor:
        return self.model.features(x, start)


def _nothing(model: Model) -> Sequence[Tensor]:
    space = model.head.space
    return torch.empty(0, space.dim), model.head.family.no_target(space.dim)


def best_metric(name: str, space: Space) -> Metric:
    """The metric that picks the best checkpoint; TLError where this kind of output does not have the named metric."""
    answers = MEASURED[space.kind]
    if name == "auto":
        name = answers.main
    answers.check_metric(name, space.dim)
    return answers.catalogue[name]
