"""The one loop: phases, then steps. What a step minimises is the method's business, what learns the schedule's."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tl.components.checksum import checksums, verify_frozen
from tl.components.freeze.layout import Stretch, due
from tl.components.model import Model, averaged
from tl.errors import Stopped
from tl.inputs.streams import Piece, Stream
from tl.recipe.recipe import Loop
from tl.rng import derive, seed_device
from tl.run.run import Listener, Run
from tl.training.cursor import Cursor
from tl.training.job import Job, Plan, Signals
from tl.training.numerics import LossWatch, Tally, no_memory, not_finite
from tl.training.sharding import full, held
from tl.training.step import Step, Terms, Warmup, backward

BAD_STEP = "bad_step.json"


class Trainer:
    """Trains a model by a method; logs, evaluates and checkpoints when due; resumes bit for bit."""

    def __init__(
        self, loop: Loop, plan: Plan, job: Job, accelerator: Accelerator, run: Run, listener: Listener
    ) -> None:
        self.loop, self.plan, self.job, self.run, self.listener = loop, plan, job, run, listener
        self.accelerator, self.cursor = accelerator, Cursor()
        self.model, self.method = job.model, job.method
        self.step_module = Step(job.model, job.method).to(accelerator.device)
        self.holding = held(self.step_module, job.optimizer, loop, accelerator)
        self.ema = averaged(self.model, loop.ema) if loop.ema is not None else None
        self.streams: Mapping[str, Stream] = job.streams
        self.learnable: list[nn.Parameter] = []
        self.tally = Tally()
        self.best: dict[str, Any] | None = None
        self.watch = LossWatch(accelerator.device, accelerator.num_processes)
        self.best_saved, self.saved = -1, time.monotonic()

    @property
    def answering(self) -> Model:
        """The weights that answer: the moving average where there is one."""
        return cast("Model", self.ema.module) if self.ema is not None else self.model

    def fit(self, signals: Signals) -> Cursor:
        """Run every phase from where the cursor is; the model ends with its best weights."""
        over = self.cursor.over
        gc.collect()
        gc.freeze()  # what is there stays there: every collection would look at all modules again, for 0.3 s
        try:
            while not self.cursor.over:
                self._phase(self.plan.stretches[self.cursor.phase], signals)
        finally:
            gc.unfreeze()
        if not over:
            self.save()
        self.load_best()
        return self.cursor

    def _phase(self, stretch: Stretch, signals: Signals) -> None:
        cursor = self.cursor
        self.model.learn(stretch.phase.train)
        frozen = set(self.model.parts()) - self.model.learning
        known = {name: value for name, value in cursor.frozen.items() if name in frozen}
        cursor.frozen = known | checksums(self.model, frozen - known.keys())
        self.listener.phase(
            stretch.phase.name, cursor.step, stretch.last, [n for n in self.model.parts() if n in self.model.learning]
        )
        try:
            with signals.at_once():
                self.streams = self.job.enter(cursor.phase)
        except Stopped:
            self.save()
            raise
        if not any(p.requires_grad for p in self.step_module.parameters()):
            self.listener.note(f"Nothing has parameters that learn in the phase '{stretch.phase.name}': it is skipped.")
            cursor.step = stretch.last
            self._evaluate(stretch)
        elif not cursor.phase_over:
            self._steps(stretch, signals)
        verify_frozen(self.model, cursor.frozen)
        watching = stretch.phase.patience is not None
        if watching:
            self.load_best()
        cursor.next_phase(watching, len(self.plan.stretches), self.plan.total)

    def _steps(self, stretch: Stretch, signals: Signals) -> None:
        step, optim = self.holding.begin(Step(self.model, self.method))
        warmup = Warmup(stretch.phase.name, self.accelerator.device, self._say) if self.loop.compile else None
        step.train()
        self.learnable = [p for p in step.parameters() if p.requires_grad]
        while not self._through(step, optim, stretch, signals, warmup):
            self._halve()
        if warmup is not None:
            warmup.over()
        self.holding.end()

    def _through(self, step: nn.Module, optim: Any, stretch: Stretch, signals: Signals, warmup: Warmup | None) -> bool:
        """Take the phase's steps from where the cursor is; false where there was too little memory for one."""
        for pieces in zip(*(s.steps(self.cursor.step, stretch.last) for s in self.streams.values()), strict=True):
            with nullcontext() if warmup is None else warmup.step():
                if not self._step(step, optim, stretch, pieces):
                    return False
            self._when_due(stretch, signals)
            if self.cursor.phase_over:
                break
        return True

    def _halve(self) -> None:
        """Fewer samples at once, so that the step that found too little memory is taken again with the same ones."""
        step, most = self.cursor.step + 1, self.streams["train"].device_batch
        if most == 1 or self.accelerator.num_processes > 1:
            raise no_memory(step, most)
        torch.cuda.empty_cache()
        self.streams = {name: replace(s, device_batch=s.device_batch // 2) for name, s in self.streams.items()}
        self._say(f"Out of memory at step {step}: from here on loop.device_batch is {most // 2}.")

    def _say(self, line: str) -> None:
        self.listener.note(line)
        self.run.note(line)

    def _step(self, step: nn.Module, optim: Any, stretch: Stretch, pieces: Sequence[Sequence[Piece]]) -> bool:
        """Take a step; false, and nothing has happened, where there was too little memory for it."""
        accelerator, number = self.accelerator, self.cursor.step
        self._set_rates(stretch)
        self.method.progress.fill_(number / self.plan.total)
        seed_device(derive(self.plan.seed, "step", number, accelerator.process_index), accelerator.device)
        try:
            found, value = self._backward(step, pieces)
        except torch.OutOfMemoryError:
            optim.zero_grad(set_to_none=True)
            return False
        self.cursor.step += 1
        if not self._skips(value):
            self.tally.take(found)
            optim.step()
            if self.ema is not None:
                self.ema.update_parameters(self.model)
        optim.zero_grad(set_to_none=True)
        self.listener.step(self.cursor.step, sum(p.size for p in pieces[0]) * accelerator.num_processes)
        return True

    def _backward(self, step: nn.Module, pieces: Sequence[Sequence[Piece]]) -> tuple[list[Terms], Tensor]:
        """The terms of each piece with its weight, and a number that is finite where loss and gradient are."""
        accelerator = self.accelerator
        together = [dict(zip(self.streams, (p.batch for p in some), strict=True)) for some in zip(*pieces, strict=True)]
        found = backward(accelerator, step, together, [piece.weight for piece in pieces[0]])
        self.holding.average()
        value = torch.stack([term.detach() for terms, _ in found for term in terms.values()]).sum()
        if self.loop.clip is not None:
            norm = full(accelerator.clip_grad_norm_(self.learnable, self.loop.clip))
            found.append(({"grad_norm": norm}, 1.0))
            if accelerator.scaler is None:  # which skips steps of too large a gradient by itself
                value = value + norm
        return found, value

    def _skips(self, value: Tensor) -> bool:
        """Whether the step is left out: it is not finite, and some may be skipped."""
        cursor, most = self.cursor, self.loop.skip_bad
        if cursor.skipped < most and self.watch.bad(value):
            cursor.skipped += 1
            self._say(f"The loss is not finite at step {cursor.step}: skipped ({cursor.skipped} of at most {most}).")
            return True
        self.watch.see(cursor.step, value)
        return False

    def _refuse(self, bad: int | None) -> None:
        """TLError where the loss of a step was not finite; which samples it saw is kept in the run."""
        if bad is None:
            return
        samples = {name: stream.ids(bad - 1) for name, stream in self.streams.items()}
        self.run.write_json(BAD_STEP, {"step": bad, "samples": samples})
        raise not_finite(bad, samples["train"], self.run.path / BAD_STEP)

    def _set_rates(self, stretch: Stretch) -> None:
        common, first = self.job.optimizer.common, self.cursor.phase_first
        first, last = (0, self.plan.total) if common["schedule_span"] == "run" else (first, stretch.last)
        warmup = common["warmup"].steps(total=last - first, epoch=self.job.streams["train"].epoch)
        shape = self.job.optimizer.rate_multiple(self.cursor.step - first, last - first, warmup) * stretch.phase.lr
        for group in self.holding.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * shape

    def _when_due(self, stretch: Stretch, signals: Signals) -> None:
        step, plan = self.cursor.step, self.plan
        last = step >= stretch.last
        if due(step, plan.log_every) or last:
            self._log(stretch)
        if due(step, plan.eval_every) or last:
            self._evaluate(stretch)
        signal, save = signals.pending(due(step, plan.save_every) or self._minutes_over())
        if save or signal:
            self.save()
        if signal:
            raise signals.stopped(signal, f" after step {step} of {plan.total}")

    def _minutes_over(self) -> bool:
        every = self.loop.save_every
        return every.unit == "min" and time.monotonic() - self.saved >= 60 * every.value

    def _log(self, stretch: Stretch) -> None:
        self._refuse(self.watch.first_step())
        values = self.tally.means(self.accelerator)
        if not values:
            return
        loss = sum(value for name, value in values.items() if name != "grad_norm")
        groups = self.holding.optimizer.param_groups
        rates = {f"lr/{g['part']}": g["lr"] for g in groups if self._learns(str(g["part"]))}
        self._record(stretch, "train", {"loss": loss, **values, **rates})

    def _learns(self, part: str) -> bool:
        return part in self.model.learning or part == "method"

    def _record(self, stretch: Stretch, split: str, values: dict[str, float]) -> None:
        step = self.cursor.step
        self.run.log({"step": step, "split": split, "phase": stretch.phase.name, **values})
        self.listener.values(step, split, values)
        if self.loop.trackers:
            self.accelerator.log({f"{split}/{name}": value for name, value in values.items()}, step=step)

    def _evaluate(self, stretch: Stretch) -> None:
        self._refuse(self.watch.first_step())
        self.holding.pull()
        values = self.job.evaluate(self.answering)
        if not values:
            return
        self._record(stretch, "val", values)
        patience = stretch.phase.patience if stretch.phase.patience is not None else self.loop.patience
        if self.cursor.judge(self.plan.metric, values[self.plan.metric], patience):
            model = {name: value.detach().to("cpu", copy=True) for name, value in self.answering.state_dict().items()}
            self.best = {"model": model, "step": self.cursor.step}

    def load_best(self) -> None:
        """Take the best weights so far; the current ones where nothing was evaluated."""
        self.accelerator.wait_for_everyone()
        state = self.answering.state_dict() if self.best is None else self.best["model"]
        self.model.load_state_dict(state)
        if self.ema is not None:
            self.answering.load_state_dict(state)

    def save(self) -> None:
        """Write everything that the next step depends on (`last`), and the best weights so far."""
        self._refuse(self.watch.first_step())
        self.holding.pull()
        scaler = self.accelerator.scaler
        state = {
            "model": self.model.state_dict(),
            "method": self.method.state_dict(),
            "optimizer": self.holding.state(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "cursor": asdict(self.cursor),
            **self.tally.state(self.accelerator),
        }
        states: dict[str, Mapping[str, Any] | None] = {"last": state}
        if self.best is not None:
            states["best"] = self.best if self.best["step"] != self.best_saved else None
            self.best_saved = self.best["step"]
        self.run.checkpoint(self.cursor.step, states)
        self.saved = time.monotonic()

    @property
    def room(self) -> int:
        """Bytes for three checkpoints (weights, best ones, an average, two numbers for each weight) and the model."""
        weights: int = sum(value.nbytes for value in self.model.state_dict().values())
        return weights * (3 * (4 + (self.ema is not None)) + 1)

    def restore(self) -> bool:
        """Go on from the newest checkpoint that is whole; false where none was written yet."""
        checkpoint = self.run.latest_checkpoint(self._say)
        self.run.forget_rows_after(0 if checkpoint is None else checkpoint.step)
        if checkpoint is None:
            return False
        state = checkpoint.load("last")
        self.model.load_state_dict(state["model"])
        self.method.load_state_dict(state["method"])
        self.holding.load(state["optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.cursor = Cursor(**state["cursor"])
        if self.cursor.best is not None:
            self.best = checkpoint.load("best")
            self.best_saved = self.best["step"]
        self.tally.restore(state, self.accelerator.device)
        return True
