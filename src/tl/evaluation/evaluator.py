"""A model's outputs and features over exactly the samples of a split, however many processes share the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tl.batch import Batch, Features, Inputs
from tl.components.model import Model
from tl.components.task.base import Task
from tl.components.task.judged import Kept
from tl.inputs.streams import Numbers, Source, by_length
from tl.metrics.catalogue import Metric
from tl.metrics.measured import Measured, compute_metrics
from tl.place import Share


@dataclass(frozen=True)
class Outputs:
    """What evaluation keeps of a model's outputs for a split, with the ids, in the order of the split."""

    kept: Kept
    ids: tuple[str, ...]

    def measured(self, model: Model, temperature: float = 1.0) -> Measured:
        """What metrics see of the split, where logits are divided by the temperature."""
        return model.task.measured(model.head, self.kept, temperature)

    def metrics(self, model: Model, temperature: float = 1.0) -> dict[str, float]:
        """The value of every metric of the model's task."""
        return compute_metrics(self.measured(model, temperature))


class Evaluator:
    """Runs a model in eval mode over samples, and gathers the results of all processes."""

    def __init__(self, batch: int, share: Share, device: torch.device) -> None:
        self.batch, self.share, self.device = batch, share, device

    def outputs(self, model: Model, items: Source) -> Outputs:
        """What is kept of the model's outputs for every sample."""
        task, samples = model.task, items.samples

        def keep(output: Tensor, batch: Batch, numbers: Numbers) -> Kept:
            return task.keep(model.head, output.float(), batch.y, samples.take(numbers))

        kept = self._run(model, items, model, keep)
        return Outputs(kept, tuple(samples.ids))

    def embeddings(self, model: Model, items: Source) -> Kept:
        """Rows (N, D): the embedding of each sample by itself, of length 1, also where the task compares pairs."""

        def keep(output: Tensor, batch: Batch, _: Numbers) -> Kept:
            return Kept(model.head.scores(output).float().cpu(), torch.zeros(len(output)))

        return self._run(model, items, _Alone(model), keep)

    def features(self, model: Model, items: Source) -> tuple[Tensor, Tensor]:
        """The features (M, dim) after the adapter of every single target of every sample, and the targets (M, ...).

        Features of pairs are (M, 2, dim).
        """
        task = model.task
        if task.reads in ("pooled", "pair"):
            return self._run(model, items, _Features(model), lambda f, batch, _: Kept(f, batch.y.cpu()))[:2]

        def flat(features: Features, batch: Batch, _: Numbers) -> Kept:
            each = zip(*features, strict=True) if isinstance(features, tuple) else features
            pairs = [task.flat(one, target) for one, target in zip(each, batch.y.cpu(), strict=True)]
            return Kept(torch.zeros(len(pairs)), torch.zeros(len(pairs)), tuple(pairs))

        found = self._run(model, items, _Features(model), flat).answers
        return torch.cat([one for one, _ in found]), torch.cat([target for _, target in found])

    @torch.no_grad()
    def _run(
        self,
        model: Model,
        items: Source,
        forward: torch.nn.Module,
        keep: Callable[[Any, Batch, Numbers], Kept],
    ) -> Kept:
        was_training = model.training
        model.eval()
        order, batches = by_length(items, self.batch, self.share)
        places = (torch.from_numpy(order) - self.share.rank) // self.share.world
        (rows, truth, _), done = model.task.nothing(model.head), 0
        answers: list[Any] = [None] * len(order)
        for batch in batches:
            moved = batch.to(self.device)
            numbers = order[done : done + len(batch.y)]
            found = keep(forward(moved.x, moved.start), moved, numbers)
            if not done:  # only the first batch tells how wide the rows are
                rows, truth = (one.new_empty((len(order), *one.shape[1:])) for one in found[:2])
            here = places[done : done + len(numbers)]
            rows[here], truth[here], done = found.rows, found.truth, done + len(numbers)
            for place, answer in zip(here.tolist(), found.answers, strict=bool(found.answers)):
                answers[place] = answer
        model.train(was_training)
        said = answers if any(answer is not None for answer in answers) else []
        whole, true = (self._gather(one, len(items)) for one in (rows, truth))
        return Kept(whole, true, tuple(self._gather_list(said, len(items))))

    def _gather(self, own: Tensor, n: int) -> Tensor:
        if self.share.world == 1:
            return own
        whole = torch.empty((n, *own.shape[1:]), dtype=own.dtype)
        for rank, part in enumerate(self._parts(own)):
            whole[rank :: self.share.world] = part
        return whole

    def _gather_list(self, own: list[Any], n: int) -> list[Any]:
        if self.share.world == 1:
            return own
        whole: list[Any] = [None] * n
        parts = self._parts(own)
        for rank, part in enumerate(parts):
            if part:
                whole[rank :: self.share.world] = part
        return whole if any(parts) else []

    def _parts(self, own: Any) -> list[Any]:
        parts: list[Any] = [None] * self.share.world
        torch.distributed.all_gather_object(parts, own)
        return parts


class _Alone(torch.nn.Module):
    """What the head makes of each row of inputs."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Inputs, start: int) -> Tensor:
        output: Tensor = self.model.head(self.model.of_each(x, start))
        return output


class _Features(torch.nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Inputs, start: int) -> Features:
        features = self.model.features(x, start)
        if isinstance(features, Tensor):
            return features.float().cpu()
        return tuple(one.float().cpu() for one in features)


def best_metric(name: str, task: Task) -> Metric:
    """The metric that picks the best checkpoint; TLError where the task does not have the named metric."""
    if name != "auto":
        task.measures.check_metric(name, task.space.dim)
    return task.measures.catalogue[task.measures.main if name == "auto" else name]
