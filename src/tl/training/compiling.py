"""torch.compile for a training step, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import torch
from torch import nn

_TIMED = 10


def compiled(step: nn.Module, *, texts: bool) -> nn.Module:
    """The same module, to be compiled at its first call; its state dict keeps its names.

    Code that calls the model inside, as evaluation and frozen stages do, runs the model uncompiled. What earlier phases
    compiled is dropped, because PyTorch keeps eight versions at most. Random numbers stay those of the uncompiled step,
    so that losses differ by rounding alone.
    """
    torch.compiler.reset()
    # Texts have another length in every batch; of pictures only the batch size varies, which the compiler finds out.
    step.compile(dynamic=True if texts else None, options={"fallback_random": True})
    return step


class CompileTimer:
    """Measures how long compiling takes in a phase, and says it once: after enough further steps, or at the end."""

    def __init__(self, phase: str, device: torch.device, say: Callable[[str], None]) -> None:
        self.phase, self.device, self.say = phase, device, say
        self.seconds: list[float] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time one step, as long as too few steps were timed."""
        if len(self.seconds) > _TIMED:
            yield
            return
        began = self._now()
        yield
        self.seconds.append(self._now() - began)
        if len(self.seconds) > _TIMED:
            self._tell()

    def end_phase(self) -> None:
        """Say what was measured, where too few steps came for it to be said before."""
        if 0 < len(self.seconds) <= _TIMED:
            self._tell()

    def _tell(self) -> None:
        first, *others = self.seconds
        rest = f"the next ones {median(others):.2g} s" if others else "and there was no other"
        self.say(f"compile: the first step of '{self.phase}' took {first:.1f} s, {rest}.")

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
