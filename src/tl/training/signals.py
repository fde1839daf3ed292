"""A signal, once: finish the step, write a checkpoint, say how to go on. SIGINT or SIGTERM twice: stop at once."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

from accelerate import Accelerator

from tl.errors import Stopped
from tl.inputs.waiting import telling
from tl.report.words import duration
from tl.run.stops import Stops, heard
from tl.training.watchdog import Watchdog

_READING = 10.0  # seconds that a run that is to stop waits for the samples of a batch
_FIRST_WORD = 60.0  # seconds


class StopSignals:
    """A context that remembers signals to stop; all processes agree on the largest number that any of them has seen.

    The time `until` (seconds of the monotonic clock) counts as a SIGALRM when it is over. `say` gets a line for the
    user; `give_up` ends a process whose step does not end, or that cannot end by itself, with such a line.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        run: Path,
        until: float,
        say: Callable[[str], None],
        give_up: Callable[[Stopped], NoReturn],
    ) -> None:
        self.accelerator, self.run, self.until, self.say, self.give_up = accelerator, run, until, say, give_up
        self.stops, self.raises, self.timed, self.told = Stops(), False, True, _FIRST_WORD

    @property
    def number(self) -> int:
        """The signal that this process is to stop for; 0 where it is not."""
        return self.stops.number or (signal.SIGALRM if self.timed and time.monotonic() >= self.until else 0)

    @contextmanager
    def at_once(self, timed: bool = True) -> Iterator[None]:
        """A context in which a signal raises Stopped at once: for work that can be resumed anywhere, as a cache pass.

        The end of the time raises Stopped too, unless `timed` is False: the last work of a run is not stopped by time.
        Several processes must end such work together, so with several processes the signal is only remembered.
        """
        self.raises, self.timed = self.accelerator.num_processes == 1, timed
        try:
            with self.unhurried():
                if self.raises and self.stops.number:
                    raise self.stopped(self.stops.number)
                if self.raises and timed and math.isfinite(self.until):
                    signal.setitimer(signal.ITIMER_REAL, max(0.001, self.until - time.monotonic()))
                yield
        finally:
            self.raises, self.timed = False, True
            signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """A context for work that is no step, and may take long though a stop is due: as writing a checkpoint."""
        self.watchdog.watched = False
        try:
            yield
        finally:
            self.watchdog.watched = True

    def stopped(self, number: int, where: str = "") -> Stopped:
        """The error to raise: it says which signal ended the run, where, and how to go on."""
        why = "loop.max_time is over: stopped" if number == signal.SIGALRM else "Stopped"
        return Stopped(f"{why}{where}. Go on with: tl finetune --resume {self.run}", number)

    def pending(self, save: bool) -> tuple[int, bool]:
        """The signal's number, or 0; and whether a checkpoint is due in some process. Waits for all processes."""
        if self.accelerator.num_processes == 1:
            return self.number, save
        import torch

        seen = torch.tensor(2 * self.number + save, device=self.accelerator.device)
        torch.distributed.all_reduce(seen, torch.distributed.ReduceOp.MAX)
        return int(seen) // 2, bool(seen % 2)

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self._hear) for number in (*heard(), signal.SIGALRM)}
        self.watchdog = Watchdog(lambda: self.number, self._end)
        self.reading = telling(self._read)
        self.reading.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.reading.__exit__(kind, error, at)
        self.watchdog.close()
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.stops.hear(number):
            raise KeyboardInterrupt
        if self.raises:
            raise self.stopped(self.stops.number)

    def _read(self, seconds: float, what: str) -> None:
        """Is told that reading waits. A slow disk is not a dead one, so the run waits on, unless it is to stop."""
        if (number := self.number) and seconds > _READING:
            raise self.stopped(number, f", since reading {what} does not end")
        if seconds < _FIRST_WORD:
            self.told = _FIRST_WORD
        elif seconds >= self.told:
            self.told *= 2
            self.say(f"Waiting for {what} since {duration(seconds)}: loop.workers read on.")

    def _end(self, number: int, why: str) -> NoReturn:
        where = f" ({why}), without a new checkpoint"
        self.give_up(self.stopped(number, where))
