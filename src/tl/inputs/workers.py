"""Processes that read ahead while the device computes."""

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
    """How many `loop.workers` asks for; auto: beside a GPU those cores that its process leaves, else none.

    On a CPU, computing takes all cores itself. The number changes how fast batches come, and nothing that is in them.
    """
    if loop.workers != "auto":
        return loop.workers
    if loop.device == "cpu" or not torch.cuda.is_available():
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(0, min(_MOST, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1))


def spread(one: Callable[[P], T], plans: Iterator[P], workers: int, *, pin: bool = False) -> Iterator[T]:
    """What `one` makes of each plan, in order, by so many processes ahead of time; a single plan needs none of them.

    With `pin`, tensors come in memory from which they go to a GPU without waiting.
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
        generator=torch.Generator(),  # else it draws from the global one, which a run's results follow from
    )
    return map(_raised, cast("Iterator[T | TLError]", iter(loader)))


def lost(error: RuntimeError) -> str | None:
    """What to say where torch tells, at any moment, that one of these processes is gone; None for other errors."""
    found = re.match(r"DataLoader worker \(pid.*?\d\) (?:is )?(\w[^.]*)", str(error))
    if found is None:
        return None
    return (
        f"One of the processes of loop.workers, which read ahead, is gone ({found[1]}), as where there is too little "
        "memory (in /dev/shm after a bus error): resume the run where there is more, or start one with fewer."
    )


class _Made(Dataset[T | TLError], Generic[P, T]):
    """The mistakes are told to the parent as values: torch would put the process's traceback into their text."""

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
    """Where an iterator is still there at the end, as after an error, Python asks its processes to go by SIGTERM, which
    they do not heed, and then waits for them."""
    left = [child for child in active_children() if child.daemon]
    if left:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch would raise once more
    for child in left:
        child.kill()


def _stop_with_the_parent(_: int) -> None:
    """A signal to all processes stops the run after its step, for which the parent still needs what these read."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
