"""One optimizer step: read a batch, run it forward and backward, update the weights."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tl.batch import Streams
from tl.components.freeze.layout import PhaseSpan
from tl.components.method.base import Method
from tl.components.model import Model, averaged
from tl.inputs.streams import Piece, Stream
from tl.recipe.recipe import Loop
from tl.rng import derive, seed_device
from tl.training.compiling import CompileTimer
from tl.training.cursor import Cursor
from tl.training.holding import Holding
from tl.training.job import Job, Plan
from tl.training.numerics import LossWatch, Tally, no_memory

Terms = tuple[Mapping[str, Tensor], float]
"""The named loss terms of a piece of a batch, and the piece's weight."""


class Step(nn.Module):
    """Model and method together: the one module that Accelerate prepares, so that DDP synchronises its gradients."""

    def __init__(self, model: Model, method: Method) -> None:
        super().__init__()
        self.model, self.method = model, method

    def forward(self, batch: Streams) -> dict[str, Tensor]:
        return self.method.loss(self.model, batch)


class Stepper:
    """Takes the optimizer steps of a run, phase by phase.

    `streams` are what the present phase reads. `tally` sums the loss terms until they are logged, `watch` remembers a
    loss that is not finite, and `ema` is the moving average of the weights where the recipe asks for one. `reading` is
    True while a step waits for its samples, before anything has changed.
    """

    def __init__(
        self, job: Job, plan: Plan, loop: Loop, accelerator: Accelerator, holding: Holding, say: Callable[[str], None]
    ) -> None:
        self.job, self.plan, self.loop, self.accelerator = job, plan, loop, accelerator
        self.holding, self.say = holding, say
        self.streams: Mapping[str, Stream] = job.streams
        self.tally, self.watch = Tally(), LossWatch(accelerator.device, accelerator.num_processes)
        self.ema = averaged(job.model, loop.ema) if loop.ema is not None else None
        self._learnable: list[nn.Parameter] = []
        self.reading = False

    def steps(self, cursor: Cursor, span: PhaseSpan) -> Iterator[int]:
        """Take the phase's steps from the cursor on; gives, after each step, the images or real tokens it has seen.

        The iterator ends with the phase: at its last step, or where the caller set `cursor.phase_over`.
        """
        step, optimizer = self.holding.begin(Step(self.job.model, self.job.method))
        timer = CompileTimer(span.phase.name, self.accelerator.device, self.say) if self.loop.compile else None
        step.train()
        self._learnable = [p for p in step.parameters() if p.requires_grad]
        while not (yield from self._taken(step, optimizer, cursor, span, timer)):
            self._halve(cursor)
        if timer is not None:
            timer.end_phase()
        self.holding.end()

    def _taken(
        self, step: nn.Module, optimizer: Any, cursor: Cursor, span: PhaseSpan, timer: CompileTimer | None
    ) -> Generator[int, None, bool]:
        """Take steps until the phase is over (returns True) or memory does not suffice for a step (returns False)."""
        reading = zip(*(s.steps(cursor.step, span.stop) for s in self.streams.values()), strict=True)
        for number in range(cursor.step, span.stop):
            self._set_rates(cursor, span)
            self.job.method.progress.fill_(number / self.plan.total)
            self.reading = True
            pieces = next(reading)
            self.reading = False
            seed_device(derive(self.plan.seed, "step", number, self.accelerator.process_index), self.accelerator.device)
            with nullcontext() if timer is None else timer.step():
                taken = self._take(step, optimizer, cursor, pieces)
            if not taken:
                return False
            yield sum(piece.size for piece in pieces[0]) * self.accelerator.num_processes
            if cursor.phase_over:
                break
        return True

    def _take(self, step: nn.Module, optimizer: Any, cursor: Cursor, pieces: Sequence[Sequence[Piece]]) -> bool:
        """Take one step; False, and no weight has changed, where memory does not suffice for it."""
        try:
            found, value = self._backward(step, pieces)
        except torch.OutOfMemoryError:
            optimizer.zero_grad(set_to_none=True)
            return False
        cursor.step += 1
        if not self._skips(cursor, value):
            self.tally.take(found)
            optimizer.step()
            if self.ema is not None:
                self.ema.update_parameters(self.job.model)
        optimizer.zero_grad(set_to_none=True)
        return True

    def _backward(self, step: nn.Module, pieces: Sequence[Sequence[Piece]]) -> tuple[list[Terms], Tensor]:
        """The terms of each piece with its weight, and a number that is finite where loss and gradient are finite."""
        together = [dict(zip(self.streams, (p.batch for p in some), strict=True)) for some in zip(*pieces, strict=True)]
        found = backward(self.accelerator, step, together, [piece.weight for piece in pieces[0]])
        self.holding.average()
        value = torch.stack([term.detach() for terms, _ in found for term in terms.values()]).sum()
        if self.loop.clip is not None:
            norm = self.holding.whole(self.accelerator.clip_grad_norm_(self._learnable, self.loop.clip))
            found.append(({"grad_norm": norm}, 1.0))
            if self.accelerator.scaler is None:  # a gradient scaler skips steps of too large a gradient by itself
                value = value + norm
        return found, value

    def _skips(self, cursor: Cursor, value: Tensor) -> bool:
        """True where the step is left out: its loss is not finite, and loop.skip_bad allows to skip it."""
        most = self.loop.skip_bad
        if cursor.skipped < most and self.watch.bad(value):
            cursor.skipped += 1
            self.say(f"The loss is not finite at step {cursor.step}: skipped ({cursor.skipped} of at most {most}).")
            return True
        self.watch.see(cursor.step, value)
        return False

    def _halve(self, cursor: Cursor) -> None:
        """Let the device take half as many samples at once, so that the same step can be taken again.

        TLError where the loss compares the samples of a piece with each other, and so would be another one.
        """
        step, most = cursor.step + 1, self.streams["train"].device_batch
        if most == 1 or self.accelerator.num_processes > 1 or self.job.model.task.compares:
            raise no_memory(step, most)
        torch.cuda.empty_cache()
        self.streams = {name: replace(s, device_batch=s.device_batch // 2) for name, s in self.streams.items()}
        self.say(f"Out of memory at step {step}: from here on loop.device_batch is {most // 2}.")

    def _set_rates(self, cursor: Cursor, span: PhaseSpan) -> None:
        common = self.job.optimizer.common
        whole_run = common["schedule_span"] == "run"
        first, last = (0, self.plan.total) if whole_run else (cursor.phase_first, span.stop)
        epoch = self.job.streams["train"].epoch
        multiple = self.job.optimizer.rate_multiple(cursor.step - first, last - first, epoch) * span.phase.lr
        for group in self.holding.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * multiple


def backward(
    accelerator: Accelerator, step: nn.Module, pieces: Sequence[Streams], weights: Sequence[float]
) -> list[Terms]:
    """Run each piece of a batch forward and backward; processes exchange gradients with the last piece."""
    found: list[Terms] = []
    for number, (streams, share) in enumerate(zip(pieces, weights, strict=True)):
        with nullcontext() if number + 1 == len(pieces) else accelerator.no_sync(step):
            terms = step(streams)
            weight = share * accelerator.num_processes
            accelerator.backward(torch.stack(list(terms.values())).sum() * weight)
        found.append((terms, weight))
    return found
