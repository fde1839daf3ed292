"""Worker processes that read batches ahead while the device computes."""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice, tee
from multiprocessing import active_children, parent_process
from multiprocessing.reduction import ForkingPickler
from multiprocessing.util import Finalize
from typing import Any, Generic, NoReturn, TypeVar, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from tl.boundary.foreign import machine_fault
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
    loader = _Loader(
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
        if isinstance(result, TLError):
            raise result
        yield result.unpacked() if isinstance(result, _Packed) else result


def _next(batches: _MultiProcessingDataLoaderIter) -> Any:
    """The next result, or _LATE where it takes longer than a second: the loader can be asked again."""
    try:
        with asking():
            return next(batches)
    except RuntimeError as error:
        if "timed out after" not in str(error):
            raise
        return _LATE
    except (EOFError, ConnectionError) as error:
        raise MachineFault(_gone("ended while it handed over a batch")) from error


def _end_workers(batches: _MultiProcessingDataLoaderIter) -> None:
    """End all workers of a loader, whatever they are doing; they hold nothing that must be kept."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch would raise for each of them
    batches._shutdown = True  # and would first wait for each of them
    for worker in batches._workers:
        worker.kill()


def lost_worker(error: RuntimeError) -> str | None:
    """A sentence for the user where torch's error says that a worker process is gone; None for any other error."""
    found = re.match(r"DataLoader worker \(pid.*?\d\) (?:is )?(\w[^.]*)", str(error))
    return None if found is None else _gone(found[1])


def _gone(how: str) -> str:
    return (
        f"One of the processes of loop.workers, which read ahead, is gone ({how}), as where there is too little "
        "memory (in /dev/shm after a bus error): resume the run where there is more, or start one with fewer."
    )


class _Loader(DataLoader[Any]):
    def _get_iterator(self) -> _MultiProcessingDataLoaderIter:
        return _Batches(self)


class _Batches(_MultiProcessingDataLoaderIter):
    """torch's own, taken apart without noise where the system let it start some of its processes and threads only."""

    def __del__(self) -> None:
        if "_workers_status" in vars(self):
            with suppress(RuntimeError, OSError):
                super().__del__()


class _Packed:
    """A result as bytes, made where an error can be told: torch's queue makes them in a thread, which loses both."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @classmethod
    def of(cls, value: object) -> _Packed:
        """The tensors lie in shared memory, and the bytes name it; where it has no room for them, the bytes hold them.

        Docker gives it 64 MB. Bytes that hold tensors take longer through the pipe.
        """
        try:
            return cls(bytes(ForkingPickler.dumps(value)))
        except (RuntimeError, OSError):
            return cls(pickle.dumps(value))

    def unpacked(self) -> Any:
        return pickle.loads(self.content)  # what this program has packed in another of its processes

    def pin_memory(self) -> Any:
        """What torch calls in place of pinning the bytes."""
        return pin_memory(self.unpacked())  # type: ignore[no-untyped-call]


class _Made(Dataset["TLError | _Packed"], Generic[P, T]):
    """Returns a TLError as a value to the parent process: torch would put the worker's traceback into its text."""

    def __init__(self, one: Callable[[P], T]) -> None:
        self.one = one

    def __getitem__(self, plan: P) -> TLError | _Packed:
        try:
            return _Packed.of(self.one(plan))
        except TLError as error:
            return error


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


def _end_worker(*_: object) -> NoReturn:
    """End this process, of which the parent then tells: after an error that nobody caught, a thread is missing."""
    os._exit(1)


def _leave_quietly() -> None:
    """End this process where the system refused it something, or will when it tidies up: multiprocessing would print
    tracebacks. The parent tells of it, or needs nothing more."""
    error = sys.exc_info()[1]
    if error is not None and machine_fault(error) is not None:
        os._exit(1)
    try:
        tidying = os.dup(2), os.dup(2)
    except OSError:
        os._exit(0)
    for descriptor in tidying:
        os.close(descriptor)


def _stop_with_the_parent(_: int) -> None:
    """Ignore signals that are sent to all processes: the parent ends its step first, and needs the workers for it.

    Where the parent is gone, a worker goes too, stopped or not: it would hold what the parent had open, as its locks.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    sys.excepthook = threading.excepthook = _end_worker  # its threads serve the parent, which would wait for them
    Finalize(None, _leave_quietly, exitpriority=100)
    parent = parent_process()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)
