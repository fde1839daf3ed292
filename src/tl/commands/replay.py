"""`tl replay`: take a step whose loss was not finite again, and find the module and the samples it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tl.commands.prepare import prepare
from tl.commands.same_data import change_of_data
from tl.commands.settle import without_cache_folder
from tl.errors import Stopped, TLError
from tl.inputs.streams import Stream
from tl.recipe.recipe import load
from tl.run.checkpoint import restoring
from tl.run.run import RECIPE, Listener, Run
from tl.run.schema import STEP, read_facts
from tl.training.step import Step
from tl.training.trainer import BAD_STEP, Trainer


@dataclass
class Replay:
    """What happened when the step was taken again; `came` says whether its loss was again not finite.

    `module` is the first module whose output was not finite, `samples` are the samples it happened for. Both are empty
    where every output was finite: then the backward pass gave the value that is not finite.
    """

    step: int
    came: bool = False
    module: str = ""
    samples: list[str] = field(default_factory=list)


class NoSignals:
    """Signals to stop that never come: a replay is not stopped."""

    def pending(self, save: bool) -> tuple[int, bool]:
        return 0, save

    def at_once(self) -> AbstractContextManager[None]:
        return nullcontext()

    def unhurried(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stopped(self, number: int, where: str) -> Stopped:
        return Stopped(where, number)


def replay(path: Path, listener: Listener) -> Replay:
    """Go on from the run's newest checkpoint to its bad step; nothing is written into the run."""
    run = Run.open(path)
    if not (path / BAD_STEP).is_file():
        raise TLError(f"'{path}' holds no {BAD_STEP}: no step of it had a loss that is not finite.")
    bad = read_facts(path / BAD_STEP, STEP)["step"]
    if run.meta["status"] == "done":
        raise TLError(f"'{path}' went on beyond step {bad} and is done: what led to it is gone.")
    ready = prepare(without_cache_folder(load(str(path / RECIPE))), run)
    change = change_of_data(run, ready.assembly.data)
    if change is not None:
        raise TLError(f"The data changed since '{path}' began ({change}), so its step cannot be taken again.")
    supply = ready.supply(listener.note)
    trainer = Trainer(ready.recipe.loop, ready.plan, ready.job(supply), ready.accelerator, run, listener)
    with restoring(path):
        resumed = trainer.restore()
    if not resumed:
        ready.start_head(supply)
    found = Replay(bad)
    if trainer.cursor.step >= found.step:
        raise TLError(f"'{path}' went on beyond step {found.step}: what led to it is gone.")
    with _watched(trainer, found):
        try:
            trainer.fit(NoSignals())
        except TLError:
            found.came = (trainer.stepper.watch.first_step() or 0) == found.step
    return found


@contextmanager
def _watched(trainer: Trainer, found: Replay) -> Iterator[None]:
    """A context with hooks that look, at the bad step only, for the first module output that is not finite."""
    names = {module: name for name, module in trainer.model.named_modules(prefix="model")}
    piece = [-1]

    def count_piece(step: nn.Module, arguments: Any) -> None:
        if isinstance(step, Step):
            piece[0] += 1

    def look(module: nn.Module, arguments: Any, output: Any) -> None:
        if trainer.cursor.step != found.step - 1:
            piece[0] = -1
        elif not found.module and module in names and (bad := _not_finite(output)) is not None:
            found.module = names[module]
            found.samples = _ids(trainer.stepper.streams["train"], found.step - 1, piece[0], bad)

    hooks = [
        nn.modules.module.register_module_forward_pre_hook(count_piece),
        nn.modules.module.register_module_forward_hook(look),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _not_finite(output: Any) -> Tensor | None:
    """Which rows (B,) of the first tensor of an output are not finite; None where all are finite."""
    value = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(value, Tensor) or not value.is_floating_point() or bool(value.isfinite().all()):
        return None
    return (~value.detach().isfinite()).flatten(1).any(1) if value.ndim > 1 else ~value.isfinite()


def _ids(stream: Stream, step: int, piece: int, bad: Tensor) -> list[str]:
    draws: Sequence[Any] = stream.plan(step)[max(piece, 0)]
    if len(bad) != len(draws):
        return []
    return [stream.source.samples[draw.number].id for draw, wrong in zip(draws, bad.tolist(), strict=True) if wrong]
