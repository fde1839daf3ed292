"""Losses that are not finite, and sums of loss terms: both stay on the device, so that no step waits for its loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from tl.errors import TLError

_NEVER = 2**62


class LossWatch:
    """Remembers on the device the first step whose loss or gradient was not finite, in each of `world` processes."""

    def __init__(self, device: torch.device, world: int) -> None:
        self.world = world
        self._first = torch.full((), _NEVER, device=device)

    def see(self, step: int, value: Tensor) -> None:
        """Take in a step's number (): finite where the step's loss and gradient are."""
        self._first = torch.where(value.isfinite(), self._first, self._first.clamp(max=step))

    def first_step(self) -> int | None:
        """The first such step of any process; None where there was none. Waits for the device and for all processes."""
        if self.world > 1:
            torch.distributed.all_reduce(self._first, torch.distributed.ReduceOp.MIN)
        found = int(self._first)
        return None if found == _NEVER else found

    def bad(self, value: Tensor) -> bool:
        """True where the number is not finite in some process. Waits for the device and for all processes."""
        wrong = (~value.isfinite()).long()
        if self.world > 1:
            torch.distributed.all_reduce(wrong, torch.distributed.ReduceOp.MAX)
        return bool(wrong)


class Tally:
    """Weighted sums of the loss terms of steps, until they are logged."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps = 0

    def take(self, found: Iterable[tuple[Mapping[str, Tensor], float]]) -> None:
        """Take in a step: the terms of its pieces, each piece with its weight."""
        for terms, weight in found:
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0) + value.detach() * weight
        self.steps += 1

    def means(self, accelerator: Accelerator) -> dict[str, float]:
        """The means over steps and processes; empty where there was no step. The sums start anew afterwards."""
        if not self.steps:
            return {}
        means = accelerator.reduce({name: value / self.steps for name, value in self.sums.items()}, "mean")
        self.sums, self.steps = {}, 0
        return {name: float(value) for name, value in means.items()}

    def state(self, accelerator: Accelerator) -> dict[str, Any]:
        """The sums for a checkpoint: means over processes, so that any number of processes can go on with them."""
        return {"sums": accelerator.reduce(self.sums, "mean"), "summed": self.steps}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on with the sums of a checkpoint."""
        self.sums = {name: value.to(device) for name, value in state["sums"].items()}
        self.steps = state["summed"]


def not_finite(step: int, samples: Sequence[str], file: Path, skip_bad: int) -> TLError:
    """The error for a step whose loss was not finite; all samples of the step are listed in `file`.

    `skip_bad` is how many such steps the recipe lets be skipped.
    """
    some = ", ".join(samples[:3])
    skipping = f"raise loop.skip_bad={skip_bad}" if skip_bad else "let loop.skip_bad=3 skip a few such steps"
    return TLError(
        f"The loss or its gradient is not finite at step {step} (samples {some} ...: all are in {file}): lower "
        f"optimizer.lr, set loop.clip or loop.precision=no, or {skipping}. "
        "The checkpoints are from before that step."
    )


def no_memory(step: int, at_once: int) -> TLError:
    """The error for a step that does not fit into memory and cannot be cut into smaller pieces."""
    return TLError(
        f"Out of memory at step {step} with loop.device_batch={at_once}: set a smaller one, "
        "loop.gradient_checkpointing=true or loop.precision=bf16, then start again."
    )
