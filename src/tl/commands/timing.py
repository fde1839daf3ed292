"""`tl check --time`: how long a run would take here, measured on a few real steps of its model."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import nn

from tl.commands.assemble import Assembly, assemble
from tl.commands.prepare import measure_capacity
from tl.commands.settle import device_of, settle, without_download
from tl.components.optimizer.groups import groups
from tl.inputs.streams import in_order
from tl.place import Place, Share
from tl.recipe.recipe import Recipe
from tl.run.environment import machine, peak_memory_mb
from tl.training.step import Step

_STEPS = 3
_SAMPLES = 64


@dataclass(frozen=True)
class Timing:
    """Measured seconds of a step and of evaluating one sample, and the peak memory in MB.

    In the measured step every part learns that learns in any phase.
    """

    device: str
    weights: int
    step: float
    sample: float
    memory: dict[str, float]
    lines: tuple[str, ...]

    def total(self, steps: int, evaluated: int) -> float:
        """Seconds of `steps` steps and of evaluating `evaluated` samples; too high where phases freeze more."""
        return self.step * steps + self.sample * evaluated


def measure(recipe: Recipe) -> Timing:
    """Assemble the recipe, run one step to warm up and three to measure; nothing is written."""
    assembly = assemble(settle(without_download(recipe)))
    device = device_of(recipe)
    return Timing(
        device=machine(device),
        weights=sum(assembly.model.sizes().values()),
        step=_seconds_of_step(assembly, device),
        sample=_seconds_of_sample(assembly, device),
        memory=peak_memory_mb(device),
        lines=tuple(assembly.model.backbone.description_lines()),
    )


def _seconds_of_step(assembly: Assembly, device: torch.device) -> float:
    model, loop, streams = assembly.model, assembly.recipe.loop, assembly.streams(Share())
    if loop.device_batch == "auto":
        found = measure_capacity(assembly, streams, Place(device, loop.precision))
        streams = {name: replace(stream, device_batch=found.samples) for name, stream in streams.items()}
    model.learn({part for phase in assembly.phases for part in phase.train})
    step = Step(model, assembly.method).to(device)
    parts: dict[str, nn.Module] = {**model.parts(), "method": assembly.method}
    weight_decay = assembly.optimizer.common["weight_decay"]
    optimizer = assembly.optimizer.build(groups(parts, dict.fromkeys(parts, 0.0), weight_decay))
    if not any(parameter.requires_grad for parameter in step.parameters()):
        return 0.0
    step.train()
    times = []
    for pieces in zip(*(stream.steps(0, _STEPS + 1) for stream in streams.values()), strict=True):
        for together in zip(*pieces, strict=True):
            batch = {name: piece.batch.to(device) for name, piece in zip(streams, together, strict=True)}
            with Place(device, loop.precision).context():
                loss = torch.stack(list(step(batch).values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(_now(device))
    return (times[-1] - times[0]) / _STEPS


@torch.no_grad()
def _seconds_of_sample(assembly: Assembly, device: torch.device) -> float:
    items = assembly.items("val") if assembly.data.splits.get("val") else assembly.items("train")
    model, began, seen = assembly.model.eval(), _now(device), 0
    for batch in in_order(items, max(_SAMPLES, assembly.recipe.loop.known_device_batch)):
        model(batch.to(device).x)
        seen += len(batch.y)
        break
    return (_now(device) - began) / seen


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
