"""The learning-rate finder: short runs at exponentially rising rates, after which nothing is changed (Smith 2017).

Batches differ in how hard they are by more than a small step changes the loss. So each loss is compared with the loss
that the weights at the start have on the same batch: the difference begins at 0, falls where there is something to
learn, and rises when the rate is too high. Where it rises for good is far easier to tell than where it falls fastest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tl.batch import Streams
from tl.components.freeze.base import Phase
from tl.components.optimizer.groups import groups
from tl.metrics.calibration import Floats
from tl.rng import derive, seed_device
from tl.training.job import Job, Plan
from tl.training.step import Step
from tl.training.untouched import untouched

_STEPS = 40
_DECADE = (_STEPS - 1) / 6  # in steps, where six decades are swept
_SWEEPS = 5  # each on batches of its own; the median of their edges counts
_WIDTH = 2.0  # of the smoothing kernel, in steps: a third of a decade
_RISE, _LEAST_RISE = 1.0, 0.2  # of the loss at the start; and in nats, where a head starts at its best
_BELOW_EDGE = 10.0  # a rate that much below the edge trains safely, and not much slower
_DIVERGED = 3.0  # times the largest loss at the start, and 1 more where that is near 0


@dataclass(frozen=True)
class RateSweep:
    """The rates tried, by how much training up to each had changed the loss (smoothed), and what follows.

    `edge` is the rate at which the loss has clearly risen from its lowest (see `edge`), the median over sweeps;
    `suggestion` is a tenth of it. The course is that of the last sweep.
    """

    rates: tuple[float, ...]
    changes: tuple[float, ...]
    edge: float
    suggestion: float


@dataclass(frozen=True)
class Sweep:
    """The phase that is swept, from the lowest optimizer.lr to the highest; gradients are clipped as in training."""

    phase: Phase
    rates: tuple[float, float]
    clip: float | None

    def rate(self, number: float) -> float:
        """optimizer.lr at a step."""
        low, high = self.rates
        return float(low * (high / low) ** (number / (_STEPS - 1)))


def find_rate(job: Job, plan: Plan, sweep: Sweep, device: torch.device) -> RateSweep:
    """Train for up to 40 steps at rising rates, five times, then put every tensor back as it was."""
    step, edges = Step(job.model, job.method).to(device), []
    for turn in range(_SWEEPS):
        with untouched(step, device):
            job.model.learn(sweep.phase.train)
            step.train()
            with torch.no_grad():
                batches = _batches(job, plan, turn, device)
                start = [sum(float(_loss(step, *piece)) for piece in batch) for batch in batches]
            limit = _DIVERGED * max(map(abs, start)) + 1
            losses = list(_losses(step, job, sweep, _batches(job, plan, turn, device), limit))
        changes = smoothed(np.subtract(losses, start[: len(losses)]))
        edges.append(edge(changes, float(np.mean(np.abs(start)))))
    middle = sweep.rate(float(np.median(edges)))
    rates = tuple(sweep.rate(number) for number in range(len(changes)))
    return RateSweep(rates, tuple(changes.tolist()), middle, middle / _BELOW_EDGE)


def _batches(job: Job, plan: Plan, turn: int, device: torch.device) -> Iterator[list[tuple[Streams, float]]]:
    """The pieces of each step's batch with their weights; random numbers are those of the step."""
    first = turn * _STEPS
    steps = zip(*(stream.steps(first, first + _STEPS) for stream in job.streams.values()), strict=True)
    for number, pieces in enumerate(steps):
        seed_device(derive(plan.seed, "find", turn, number), device)
        together = zip(*pieces, strict=True)
        yield [({n: p.batch for n, p in zip(job.streams, some, strict=True)}, some[0].weight) for some in together]


def _loss(step: Step, streams: Streams, weight: float) -> Tensor:
    return torch.stack(list(step(streams).values())).sum() * weight


def _losses(
    step: Step, job: Job, sweep: Sweep, batches: Iterator[list[tuple[Streams, float]]], limit: float
) -> Iterator[float]:
    """The loss of each step, before the step changes weights; at most `limit`, with which the sweep ends."""
    all_parts: dict[str, nn.Module] = {**job.model.parts(), "method": job.method}
    relative = {part: rate / job.optimizer.common["lr"] for part, rate in job.optimizer.rates(list(all_parts)).items()}
    optimizer = job.optimizer.build(groups(all_parts, relative, job.optimizer.common["weight_decay"]))
    learnable = [parameter for parameter in step.parameters() if parameter.requires_grad]
    for number, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * sweep.rate(number) * sweep.phase.lr
        loss = 0.0
        for piece in batch:
            part = _loss(step, *piece)
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        yield loss if abs(loss) < limit else limit
        if not abs(loss) < limit:
            return
        if sweep.clip is not None:
            torch.nn.utils.clip_grad_norm_(learnable, sweep.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def edge(changes: Floats, start: float) -> float:
    """The step at which the loss is above the lowest before it by as much as the loss was at the start, and by .2.

    Between two steps it is interpolated. Where the loss rises nowhere that much, as from scratch with batch norms, the
    lowest loss is taken to be at a tenth of the edge.
    """
    risen = changes - np.minimum.accumulate(changes) - max(_RISE * start, _LEAST_RISE)
    after = np.flatnonzero(risen >= 0)
    if not len(after):
        return min(len(changes) - 1.0, float(changes.argmin()) + _DECADE)
    last = int(after[0])
    return float(last - risen[last] / (risen[last] - risen[last - 1]))


def smoothed(values: Floats) -> Floats:
    """Means under a Gaussian kernel, of the values that there are at the ends (Nadaraya-Watson)."""
    places = np.arange(len(values))
    kernel = np.exp(-0.5 * ((places[:, None] - places[None, :]) / _WIDTH) ** 2)
    means: Floats = kernel @ values / kernel.sum(1)
    return means
