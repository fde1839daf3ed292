"""Where a run computes: its device and precision, and which of several processes this one is."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """This process among all processes of a run: its number and their count."""

    rank: int = 0
    world: int = 1

    def broadcast(self, value: T) -> T:
        """The first process's value, in all processes."""
        said = [value]
        if self.world > 1:
            torch.distributed.broadcast_object_list(said)
        return said[0]

    def minimum(self, value: int) -> int:
        """The smallest of all processes' values, in all processes."""
        said: list[int] = [value] * self.world
        if self.world > 1:
            torch.distributed.all_gather_object(said, value)
        return min(said)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            torch.distributed.barrier()


@dataclass(frozen=True)
class Place:
    """The device that a run computes on, its precision (no, bf16, fp16), and this process among all."""

    device: torch.device
    precision: str = "no"
    share: Share = field(default_factory=Share)

    def context(self) -> AbstractContextManager[object]:
        """A context in which torch computes in the precision."""
        if self.precision == "no":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if self.precision == "bf16" else torch.float16)
