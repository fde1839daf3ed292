"""The learning-rate finder: a short run at exponentially rising rates, after which nothing is changed (Smith 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tl.components.optimizer.groups import groups
from tl.rng import derive, seed_device
from tl.training.job import Job, Plan
from tl.training.step import Step
from tl.training.untouched import untouched

_SMOOTHING = 0.9
_DIVERGED = 4.0


@dataclass(frozen=True)
class RateSweep:
    """The rates tried, the smoothed losses, and two suggestions (nan where the loss never fell).

    `steepest` is where the loss falls fastest per decade, `tenth` a tenth of the rate with the lowest loss.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    tenth: float


def find_rate(job: Job, plan: Plan, parts: Sequence[str], device: torch.device, span: tuple[float, float]) -> RateSweep:
    """Train the named parts for up to 100 steps from rate span[0] to span[1], then put every tensor back as it was."""
    step = Step(job.model, job.method).to(device)
    with untouched(step, device):
        job.model.learn(parts)
        return _suggest(*_sweep(step, job, plan, device, span))


def _sweep(
    step: Step, job: Job, plan: Plan, device: torch.device, span: tuple[float, float]
) -> tuple[list[float], list[float]]:
    all_parts: dict[str, nn.Module] = {**job.model.parts(), "method": job.method}
    relative = {part: rate / job.optimizer.common["lr"] for part, rate in job.optimizer.rates(list(all_parts)).items()}
    optimizer = job.optimizer.build(groups(all_parts, relative, job.optimizer.common["weight_decay"]))
    steps, average = min(100, max(30, plan.total)), 0.0
    rates: list[float] = []
    losses: list[float] = []
    step.train()
    batches = zip(*(stream.steps(0, steps) for stream in job.streams.values()), strict=True)
    for number, pieces in enumerate(batches):
        rate = span[0] * (span[1] / span[0]) ** (number / (steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate
        seed_device(derive(plan.seed, "find", number), device)
        loss = 0.0
        for together in zip(*pieces, strict=True):
            streams = {name: piece.batch for name, piece in zip(job.streams, together, strict=True)}
            part = torch.stack(list(step(streams).values())).sum() * together[0].weight
            part.backward()
            loss += float(part.detach())
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        smooth = average / (1 - _SMOOTHING ** (number + 1))
        if not math.isfinite(smooth) or (losses and smooth > _DIVERGED * min(losses)):
            break
        rates.append(rate)
        losses.append(smooth)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return rates, losses


def _suggest(rates: Sequence[float], losses: Sequence[float]) -> RateSweep:
    if len(rates) < 3 or min(losses) >= losses[0]:
        return RateSweep(tuple(rates), tuple(losses), math.nan, math.nan)
    slopes = [(losses[i + 1] - losses[i - 1]) / math.log(rates[i + 1] / rates[i - 1]) for i in range(1, len(rates) - 1)]
    steepest = rates[1 + min(range(len(slopes)), key=slopes.__getitem__)]
    lowest = rates[min(range(len(losses)), key=losses.__getitem__)]
    return RateSweep(tuple(rates), tuple(losses), steepest, lowest / 10)
