"""Worker processes that read batches ahead while the device computes."""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice
from multiprocessing import active_children
from typing import Generic, TypeVar, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tl.errors import TLError
from tl.recipe.recipe import Loop

P = TypeVar("P")
T = TypeVar("T")
_MOST = 8


def processes(loop: Loop) -> int:
    """The number of workers that `loop.workers` asks for; `auto` is the free cores beside a GPU, and 0 on a CPU.

    On a CPU, the computation itself takes all cores. The number changes how fast batches come, never what is in them.
    """
    if loop.workers != "auto":
        return loop.workers
    if loop.device == "cpu" or not torch.cuda.is_available():
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(0, min(_MOST, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1))


def spread(one: Callable[[P], T], plans: Iterator[P], workers: int, *, pin: bool = False) -> Iterator[T]:
    """The result of `one` for each plan, in order, computed ahead by `workers` processes; none start for a single plan.

    With `pin`, tensors lie in pinned memory, from which they are copied to a GPU without waiting.
    """
    first = list(islice(plans, 2))
    plans = chain(first, plans)
    if not workers or len(first) < 2:
        return map(one, plans)
    loader = DataLoader(
        _Made(one),
        sampler=_Plans(plans),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        pin_memory=pin and torch.cuda.is_available(),
        worker_init_fn=_stop_with_the_parent,
        generator=torch.Generator(),  # else the loader draws from the global generator, which a run's results depend on
    )
    return map(_raised, cast("Iterator[T | TLError]", iter(loader)))


def lost_worker(error: RuntimeError) -> str | None:
    """A sentence for the user where torch's error says that a worker process is gone; None for any other error."""
    found = re.match(r"DataLoader worker \(pid.*?\d\) (?:is )?(\w[^.]*)", str(error))
    if found is None:
        return None
    return (
        f"One of the processes of loop.workers, which read ahead, is gone ({found[1]}), as where there is too little "
        "memory (in /dev/shm after a bus error): resume the run where there is more, or start one with fewer."
    )


class _Made(Dataset[T | TLError], Generic[P, T]):
    """Returns a TLError as a value to the parent process: torch would put the worker's traceback into its text."""

    def __init__(self, one: Callable[[P], T]) -> None:
        self.one = one

    def __getitem__(self, plan: P) -> T | TLError:
        try:
            return self.one(plan)
        except TLError as error:
            return error


def _raised(value: T | TLError) -> T:
    if isinstance(value, TLError):
        raise value
    return value


class _Plans(Sampler[P]):
    def __init__(self, plans: Iterator[P]) -> None:
        self.plans = plans

    def __iter__(self) -> Iterator[P]:
        return self.plans


def _as_it_is(value: T) -> T:
    return value


@atexit.register
def _end() -> None:
    """End the workers that are left at exit, as after an error: Python would send them SIGTERM, which they ignore, and
    wait for them."""
    left = [child for child in active_children() if child.daemon]
    if left:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch would raise once more
    for child in left:
        child.kill()


def _stop_with_the_parent(_: int) -> None:
    """Ignore signals that are sent to all processes: the parent ends its step first, and needs the workers for it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
