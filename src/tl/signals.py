"""SIGINT and SIGTERM, once: finish the step, write a checkpoint, say how to go on. Twice: stop at once."""

from __future__ import annotations

import math
import signal
import time
from types import FrameType, TracebackType
from typing import Self

from accelerate import Accelerator


class StopSignals:
    """A context in which the two signals are remembered; all processes agree on the largest number any has seen.

    When `until` (of the monotonic clock) is over, that counts as a SIGALRM.
    """

    def __init__(self, accelerator: Accelerator, until: float = math.inf) -> None:
        self.accelerator, self.until, self.number = accelerator, until, 0

    def pending(self, save: bool) -> tuple[int, bool]:
        """The number, and whether a checkpoint is due in any process; this waits for all of them."""
        if not self.number and time.monotonic() >= self.until:
            self.number = signal.SIGALRM
        if self.accelerator.num_processes == 1:
            return self.number, save
        import torch

        seen = torch.tensor(2 * self.number + save, device=self.accelerator.device)
        torch.distributed.all_reduce(seen, torch.distributed.ReduceOp.MAX)
        return int(seen) // 2, bool(seen % 2)

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
