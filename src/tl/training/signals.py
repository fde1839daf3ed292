"""SIGINT and SIGTERM, once: finish the step, write a checkpoint, say how to go on. Twice: stop at once."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from accelerate import Accelerator

from tl.errors import Stopped

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class StopSignals:
    """A context that remembers SIGINT and SIGTERM; all processes agree on the largest number that any of them has seen.

    A signal that was ignored when this process began stays ignored. The time `until` (seconds of the monotonic clock)
    counts as a SIGALRM when it is over.
    """

    def __init__(self, accelerator: Accelerator, run: Path, until: float = math.inf) -> None:
        self.accelerator, self.run, self.until, self.number = accelerator, run, until, 0
        self.raises = False

    @contextmanager
    def at_once(self, timed: bool = True) -> Iterator[None]:
        """A context in which a signal raises Stopped at once: for work that can be resumed anywhere, as a cache pass.

        The end of the time raises Stopped too, unless `timed` is False: the last work of a run is not stopped by time.
        Several processes must end such work together, so with several processes the signal is only remembered.
        """
        self.raises = self.accelerator.num_processes == 1
        try:
            if self.raises and self.number:
                raise self.stopped(self.number)
            if self.raises and timed and math.isfinite(self.until):
                signal.setitimer(signal.ITIMER_REAL, max(0.001, self.until - time.monotonic()))
            yield
        finally:
            self.raises = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def stopped(self, number: int, where: str = "") -> Stopped:
        """The error to raise: it says which signal ended the run, where, and how to go on."""
        why = "loop.max_time is over: stopped" if number == signal.SIGALRM else "Stopped"
        return Stopped(f"{why}{where}. Go on with: tl finetune --resume {self.run}", number)

    def pending(self, save: bool) -> tuple[int, bool]:
        """The signal's number, or 0; and whether a checkpoint is due in some process. Waits for all processes."""
        if not self.number and time.monotonic() >= self.until:
            self.number = signal.SIGALRM
        if self.accelerator.num_processes == 1:
            return self.number, save
        import torch

        seen = torch.tensor(2 * self.number + save, device=self.accelerator.device)
        torch.distributed.all_reduce(seen, torch.distributed.ReduceOp.MAX)
        return int(seen) // 2, bool(seen % 2)

    def __enter__(self) -> Self:
        heard = [number for number in _HEARD if not _ignored(number)]
        self.before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
        if self.raises:
            raise self.stopped(number)


def _ignored(number: int) -> bool:
    """True where this process was started with the signal ignored, as a shell does for a script's background jobs.

    The signal of loop.max_time comes from this process itself, and is never ignored.
    """
    return number != signal.SIGALRM and signal.getsignal(number) is signal.SIG_IGN
