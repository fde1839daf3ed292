"""Worker processes that read batches ahead while the device computes."""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice, tee
from multiprocessing import active_children, parent_process
from typing import Any, Generic, TypeVar, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from tl.errors import MachineFault, TLError
from tl.inputs.waiting import asking, wait_on
from tl.recipe.recipe import Loop
from tl.run.stops import STOPS

P = TypeVar("P")
T = TypeVar("T")
_MOST = 8
_LOOK = 1.0  # seconds
_LATE = object()
_PR_SET_PDEATHSIG = 1  # prctl(2)


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


def spread(
    one: Callable[[P], T], plans: Iterator[P], workers: int, *, describe: Callable[[P], str], pin: bool = False
) -> Iterator[T]:
    """The result of `one` for each plan, in order, computed ahead by `workers` processes; none start for a single plan.

    `describe` says what a plan reads. With `pin`, tensors lie in pinned memory, from which they are copied to a GPU
    without waiting.
    """
    first = list(islice(plans, 2))
    plans = chain(first, plans)
    if not workers or len(first) < 2:
        return map(one, plans)
    planned, made = tee(plans)
    loader = DataLoader(
        _Made(one),
        sampler=_Plans(planned),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        pin_memory=pin and torch.cuda.is_available(),
        worker_init_fn=_stop_with_the_parent,
        timeout=_LOOK,
        generator=torch.Generator(),  # else the loader draws from the global generator, which a run's results depend on
    )
    try:
        torch.multiprocessing.Queue()  # as the loader makes them, which fails noisily
        batches = iter(loader)
    except OSError as error:
        raise MachineFault(
            f"loop.workers: the {workers} processes that read ahead cannot be started ({error.strerror}): set "
            "loop.workers=0, or give the machine more room in /dev/shm (docker run --shm-size=1g)."
        ) from error
    return _in_turn(cast("_MultiProcessingDataLoaderIter", batches), made, describe)


def _in_turn(batches: _MultiProcessingDataLoaderIter, plans: Iterator[P], describe: Callable[[P], str]) -> Iterator[T]:
    """The results in order; whoever listens is told each second that one does not come, and may end the reading."""
    for plan in plans:
        began, over = time.monotonic(), False
        try:
            while (result := _next(batches)) is _LATE:
                wait_on(time.monotonic() - began, describe(plan))
            over = True
        finally:
            if not over:
                _end_workers(batches)
        match result:
            case TLError():
                raise result
            case _Packed():
                yield result.unpacked()
            case _:
                yield result


def _next(batches: _MultiProcessingDataLoaderIter) -> Any:
    """The next result, or _LATE where it takes longer than a second: the loader can be asked again."""
    try:
        with asking():
            return next(batches)
    except RuntimeError as error:
        if "timed out after" not in str(error):
            raise
        return _LATE


def _end_workers(batches: _MultiProcessingDataLoaderIter) -> None:
    """End all workers of a loader, whatever they are doing; they hold nothing that must be kept."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch would raise for each of them
    batches._shutdown = True  # and would first wait for each of them
    for worker in batches._workers:
        worker.kill()


def lost_worker(error: RuntimeError) -> str | None:
    """A sentence for the user where torch's error says that a worker process is gone; None for any other error."""
    found = re.match(r"DataLoader worker \(pid.*?\d\) (?:is )?(\w[^.]*)", str(error))
    if found is None:
        return None
    return (
        f"One of the processes of loop.workers, which read ahead, is gone ({found[1]}), as where there is too little "
        "memory (in /dev/shm after a bus error): resume the run where there is more, or start one with fewer."
    )


class _Packed:
    """A result as bytes, which goes through a pipe, for which no shared memory is needed."""

    def __init__(self, value: object) -> None:
        self.content = pickle.dumps(value)

    def unpacked(self) -> Any:
        return pickle.loads(self.content)  # what this program has packed in another of its processes

    def pin_memory(self) -> Any:
        """What torch calls in place of pinning the bytes."""
        return pin_memory(self.unpacked())  # type: ignore[no-untyped-call]


class _Made(Dataset["T | TLError | _Packed"], Generic[P, T]):
    """Returns a TLError as a value to the parent process: torch would put the worker's traceback into its text.

    A result whose tensors have no room in shared memory (Docker gives it 64 MB) goes through a pipe, which takes
    longer: torch would lose it, and its reader would wait for ever.
    """

    def __init__(self, one: Callable[[P], T]) -> None:
        self.one = one

    def __getitem__(self, plan: P) -> T | TLError | _Packed:
        try:
            made = self.one(plan)
        except TLError as error:
            return error
        try:
            _share(made)
        except RuntimeError:
            return _Packed(made)
        return made


def _share(value: object) -> None:
    """Move the tensors of a batch to shared memory, where the queue to the parent process would move them too."""
    if isinstance(value, torch.Tensor):
        value.share_memory_()  # type: ignore[no-untyped-call]
    elif isinstance(value, (tuple, list)):
        for part in value:
            _share(part)


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
    """Ignore signals that are sent to all processes: the parent ends its step first, and needs the workers for it.

    Where the parent is gone, a worker goes too, stopped or not: it would hold what the parent had open, as its locks.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    parent = parent_process()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)
