"""The progress of a run: one live line per phase on a terminal; plain lines, and few of them, elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tl.boundary.visible import visible_line
from tl.cli.printing.screen import Screen
from tl.cli.printing.terminal import say
from tl.inputs.pace import Pace
from tl.report.words import brief_count


class Quiet:
    """A `Listener` of a run that prints nothing; the base class of the two that print."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def begins(self, metric: str, unit: str) -> None:
        self.metric, self.unit = metric, unit

    def phase(self, name: str, first: int, last: int, learning: list[str]) -> None: ...

    def step(self, step: int, size: int) -> None: ...

    def values(self, step: int, split: str, values: Mapping[str, float]) -> None: ...

    def note(self, text: str) -> None: ...


class Lines(Quiet):
    """Prints a line per phase, per evaluation, and at most every half minute of steps, for logs and CI."""

    def begins(self, metric: str, unit: str) -> None:
        super().begins(metric, unit)
        self.loss = ""

    def phase(self, name: str, first: int, last: int, learning: list[str]) -> None:
        self.pace, self.size = Pace(last - first), 0
        if first < last:
            say(_phase_line(name, first, last, learning), flush=True)

    def step(self, step: int, size: int) -> None:
        self.size += size
        if so_far := self.pace.advance(1):
            speed = f"{brief_count(self.size / self.pace.seconds)} {self.unit}s/s"
            say(f"  step {step}: {self.loss}{speed}, {so_far}", flush=True)

    def values(self, step: int, split: str, values: Mapping[str, float]) -> None:
        if split == "train":
            self.loss = f"loss {values['loss']:.4f}, "
        else:
            say(f"  step {step}: {self.loss}{split} {self.metric} {values[self.metric]:.3f}", flush=True)
            self.loss = ""

    def note(self, text: str) -> None:
        say(visible_line(text), flush=True)


class Live(Quiet):
    """Shows a bar with step, loss, metric, images or tokens per second and the time left."""

    def __init__(self) -> None:
        self.console = Screen(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[loss]}"),
            TextColumn("{task.fields[metric]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
        )
        self.progress = Progress(*columns, console=self.console)
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.progress.stop()

    def phase(self, name: str, first: int, last: int, learning: list[str]) -> None:
        self.console.print(_phase_line(name, first, last, learning), highlight=False, markup=False)
        self.task = self.progress.add_task(escape(visible_line(name)), total=last - first, loss="", metric="", speed="")
        self.first, self.began, self.size = first, time.monotonic(), 0

    def step(self, step: int, size: int) -> None:
        assert self.task is not None
        self.size += size
        speed = self.size / max(1e-9, time.monotonic() - self.began)
        self.progress.update(self.task, completed=step - self.first, speed=f"{brief_count(speed)} {self.unit}s/s")

    def values(self, step: int, split: str, values: Mapping[str, float]) -> None:
        if self.task is None:
            return
        if split == "train":
            self.progress.update(self.task, loss=f"loss {values['loss']:.4f}")
        else:
            self.progress.update(self.task, metric=f"{self.metric} {values[self.metric]:.3f}")

    def note(self, text: str) -> None:
        self.console.print(visible_line(text), highlight=False, markup=False, style="dim")


def choose_listener(quiet: bool) -> Quiet:
    """A live line where standard error is a terminal, plain lines elsewhere, nothing if `quiet`."""
    if quiet:
        return Quiet()
    return Live() if sys.stderr.isatty() else Lines()


def _phase_line(name: str, first: int, last: int, learning: list[str]) -> str:
    return f"{name}: steps {first + 1}-{last}, learning: {_parts_in_words(learning)}"


def _parts_in_words(learning: list[str]) -> str:
    """The parts that learn, with the backbone's stages as a span: `backbone.2-4 + head`."""
    stages = [name for name in learning if name.startswith("backbone.")]
    rest = [name for name in learning if not name.startswith("backbone.")]
    spans = [stages[0] if len(stages) == 1 else f"backbone.{stages[0][9:]}-{stages[-1][9:]}"] if stages else []
    return " + ".join([*spans, *rest]) or "nothing"
