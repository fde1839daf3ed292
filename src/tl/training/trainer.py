"""The one training loop: phases, then steps. The method says what a step minimises, the freeze schedule what learns."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import nn

from tl.components.checksum import checksums, verify_frozen
from tl.components.freeze.layout import PhaseSpan, due
from tl.components.model import Model
from tl.components.optimizer.groups import groups, regrouped
from tl.errors import Stopped
from tl.recipe.recipe import Loop
from tl.run.run import Listener, Run
from tl.training.compiling import compiled
from tl.training.cursor import Cursor, Rules, hopeless_after
from tl.training.holding import Holding, Whole
from tl.training.job import Job, Plan, Signals
from tl.training.lines import discarded, gave_up, one_answer
from tl.training.numerics import not_finite
from tl.training.step import Step, Stepper

BAD_STEP = "bad_step.json"


class Trainer:
    """Trains a model by a method; logs, evaluates and checkpoints when these are due; resumes bit for bit."""

    def __init__(
        self, loop: Loop, plan: Plan, job: Job, accelerator: Accelerator, run: Run, listener: Listener
    ) -> None:
        self.loop, self.plan, self.job, self.run, self.listener = loop, plan, job, run, listener
        self.accelerator, self.cursor, self.model = accelerator, Cursor(), job.model
        self.step_module = Step(job.model, job.method).to(accelerator.device)
        self.holding = _holding(self.step_module, job, loop, accelerator)
        self.stepper = Stepper(job, plan, loop, accelerator, self.holding, self._say)
        self.best: dict[str, Any] | None = None
        self.saved, self.loss = time.monotonic(), math.inf

    @property
    def answering(self) -> Model:
        """The model that is evaluated and kept: the moving average where there is one, from the first step on."""
        ema = self.stepper.ema
        return cast("Model", ema.module) if ema is not None and ema.n_averaged > 0 else self.model

    def fit(self, signals: Signals) -> Cursor:
        """Run every phase from the cursor on; the model ends with its best weights."""
        over = self.cursor.over
        gc.collect()
        gc.freeze()  # each later collection would look at all modules again, which takes 0.3 s
        try:
            while not self.cursor.over:
                self._phase(self.plan.spans[self.cursor.phase], signals)
        finally:
            gc.unfreeze()
        if not over:
            for line in discarded(self.cursor, self.plan):
                self._warn(line)
            with signals.unhurried():
                self.save()
        self.load_best()
        return self.cursor

    def _phase(self, span: PhaseSpan, signals: Signals) -> None:
        cursor = self.cursor
        self.model.learn(span.phase.train)
        frozen = set(self.model.parts()) - self.model.learning
        known = {name: value for name, value in cursor.frozen.items() if name in frozen}
        cursor.frozen = known | checksums(self.model, frozen - known.keys())
        self.listener.phase(
            span.phase.name, cursor.step, span.stop, [n for n in self.model.parts() if n in self.model.learning]
        )
        try:
            with signals.at_once():
                self.stepper.streams = self.job.enter(cursor.phase)
        except Stopped:
            with signals.unhurried():
                self.save()
            raise
        if not any(p.requires_grad for p in self.step_module.parameters()):
            self.listener.note(f"Nothing has parameters that learn in the phase '{span.phase.name}': it is skipped.")
            cursor.step = span.stop
            self._evaluate(span)
        elif not cursor.phase_over:
            self._take_steps(span, signals)
        verify_frozen(self.model, cursor.frozen)
        watching = span.phase.patience is not None
        if watching:
            self.load_best()
        cursor.next_phase(watching, len(self.plan.spans), self.plan.total)

    def _take_steps(self, span: PhaseSpan, signals: Signals) -> None:
        try:
            for size in self.stepper.steps(self.cursor, span):
                self.listener.step(self.cursor.step, size)
                self._when_due(span, signals)
        except Stopped:
            if self.stepper.reading and self.accelerator.num_processes == 1:  # the step had not begun
                with signals.unhurried():
                    self.save()
            raise

    def _say(self, line: str) -> None:
        self.listener.note(line)
        self.run.note(line)

    def _warn(self, line: str) -> None:
        """Say a line that the report repeats."""
        self._say(line)
        self.cursor.warnings.append(line)

    def _refuse(self, bad: int | None) -> None:
        """TLError where the loss of step `bad` was not finite; the run keeps which samples the step saw."""
        if bad is None:
            return
        samples = {name: stream.ids(bad - 1) for name, stream in self.stepper.streams.items()}
        self.run.write_json(BAD_STEP, {"step": bad, "samples": samples})
        raise not_finite(bad, samples["train"], self.run.path / BAD_STEP, self.loop.skip_bad)

    def _when_due(self, span: PhaseSpan, signals: Signals) -> None:
        step, plan = self.cursor.step, self.plan
        last = step >= span.stop
        if due(step, plan.log_every) or last:
            self._log(span)
        if due(step, plan.eval_every) or last:
            self._evaluate(span)
        signal, save = signals.pending(due(step, plan.save_every) or self._minutes_over())
        if save or signal:
            with signals.unhurried():
                self.save()
        if signal:
            raise signals.stopped(signal, f" after step {step} of {plan.total}")

    def _minutes_over(self) -> bool:
        every = self.loop.save_every
        return every.unit == "min" and time.monotonic() - self.saved >= 60 * every.value

    def _log(self, span: PhaseSpan) -> None:
        self._refuse(self.stepper.watch.first_step())
        values = self.stepper.tally.means(self.accelerator)
        if not values:
            return
        self.loss = loss = sum(value for name, value in values.items() if name != "grad_norm")
        groups = self.holding.optimizer.param_groups
        rates = {f"lr/{g['part']}": g["lr"] for g in groups if self._learns(str(g["part"]))}
        self._record(span, "train", {"loss": loss, **values, **rates})

    def _learns(self, part: str) -> bool:
        return part in self.model.learning or part == "method"

    def _record(self, span: PhaseSpan, split: str, values: Mapping[str, float]) -> None:
        step = self.cursor.step
        self.run.log({"step": step, "split": split, "phase": span.phase.name, **values})
        self.listener.values(step, split, values)
        if self.loop.trackers:
            self.accelerator.log({f"{split}/{name}": value for name, value in values.items()}, step=step)

    def _evaluate(self, span: PhaseSpan) -> None:
        self._refuse(self.stepper.watch.first_step())
        self.holding.pull()
        if norms := self.model.estimated_norms():
            self.job.estimate(self.answering, norms)
        found = self.job.evaluate(self.answering)
        if found is None:
            return
        self._record(span, "val", found.values)
        for line in one_answer(found, self.loss, self.cursor.warnings):
            self._warn(line)
        if self.cursor.judge(found, self._rules(span)):
            model = {name: value.detach().to("cpu", copy=True) for name, value in self.answering.state_dict().items()}
            self.best = {"model": model, "step": self.cursor.step}

        if self.cursor.given_up:
            self._say(gave_up(self.cursor, span, self.plan))

    def _rules(self, span: PhaseSpan) -> Rules:
        """When the phase ends early, and which weights are kept."""
        evaluations = (span.stop - self.cursor.phase_first) / self.plan.eval_every
        hopeless = hopeless_after(evaluations) if self.loop.patience == "auto" else math.inf
        own, general = span.phase.patience, self.loop.patience if self.loop.patience != "auto" else None
        return Rules(self.plan.metric, self.loop.keep_weights, general if own is None else own, hopeless)

    def load_best(self) -> None:
        """Take the weights to keep so far; the current weights where nothing was evaluated."""
        self.accelerator.wait_for_everyone()
        state = self.answering.state_dict() if self.best is None else self.best["model"]
        self.model.load_state_dict(state)
        if self.stepper.ema is not None:
            cast("Model", self.stepper.ema.module).load_state_dict(state)

    def save(self) -> None:
        """Write a checkpoint: all that the next step depends on (`last`), and the best weights so far (`best`)."""
        self._refuse(self.stepper.watch.first_step())
        self.holding.pull()
        scaler, ema = self.accelerator.scaler, self.stepper.ema
        state = {
            "model": self.model.state_dict(),
            "method": self.job.method.state_dict(),
            "optimizer": self.holding.state(),
            "ema": ema.state_dict() if ema is not None else None,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "cursor": asdict(self.cursor),
            **self.stepper.tally.state(self.accelerator),
        }
        best = {"best": self.best} if self.best is not None else {}
        self.run.checkpoint(self.cursor.step, {"last": state, **best})
        self.saved = time.monotonic()

    @property
    def room(self) -> int:
        """Bytes for three checkpoints (weights, best ones, an average, two numbers for each weight) and the model."""
        weights: int = sum(value.nbytes for value in self.model.state_dict().values())
        return weights * (3 * (4 + (self.stepper.ema is not None)) + 1)

    def restore(self) -> bool:
        """Go on from the newest whole checkpoint; False where none was written yet."""
        checkpoint = self.run.latest_checkpoint(self._say)
        self.run.forget_rows_after(0 if checkpoint is None else checkpoint.step)
        if checkpoint is None:
            return False
        state = checkpoint.load("last")
        self.model.load_state_dict(state["model"])
        self.job.method.load_state_dict(state["method"])
        self.holding.load(regrouped(state["optimizer"], self.holding.optimizer.param_groups))
        if self.stepper.ema is not None:
            self.stepper.ema.load_state_dict(state["ema"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.cursor = Cursor(**state["cursor"])
        if "best.pt" in checkpoint.hashes:
            self.best = checkpoint.load("best")
        self.stepper.tally.restore(state, self.accelerator.device)
        return True


def _holding(step: Step, job: Job, loop: Loop, accelerator: Accelerator) -> Holding:
    """Sharded where the recipe asks for it and there are several processes; FSDP is imported only then."""

    def build(of: Step) -> torch.optim.Optimizer:
        parts: dict[str, nn.Module] = {**of.model.parts(), "method": of.method}
        rates = job.optimizer.rates(list(parts))
        return job.optimizer.build(groups(parts, rates, job.optimizer.common["weight_decay"]))

    if loop.shard and accelerator.num_processes > 1:
        from tl.training.sharding import Shards

        return Shards(step, build, accelerator)
    texts = job.model.backbone.preprocess.modality == "text"
    return Whole(build(step), accelerator, partial(compiled, texts=texts) if loop.compile else None)
