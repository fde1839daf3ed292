"""SIGINT and SIGTERM, once: finish the step, write a checkpoint, say how to go on. Twice: stop at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

from accelerate import Accelerator


class StopSignals:
    """A context in which the two signals are remembered; all processes agree on the largest number any has seen."""

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator, self.number = accelerator, 0

    def pending(self) -> int:
        if self.accelerator.num_processes == 1:
            return self.number
        import torch

        seen = torch.tensor(self.number, device=self.accelerator.device)
        torch.distributed.all_reduce(seen, torch.distributed.ReduceOp.MAX)
        return int(seen)

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
