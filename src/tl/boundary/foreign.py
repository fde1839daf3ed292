"""The boundary around other libraries: what they raise over a file becomes one sentence, and nothing else escapes.

This is the only file that may catch every exception (tests/test_architecture.py). `reading` therefore stands around a
library's call alone; `tl --debug` shows what was raised, so that a mistake in code of ours is not hidden.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

from tl.errors import MachineFault, TLError

T = TypeVar("T")
_LONGEST = 300
_END = object()
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PATHS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
_PASSING = (
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENXIO, errno.ENODEV),
    *(errno.EREMOTEIO, errno.ENOTCONN, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETDOWN, errno.ENETUNREACH),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EUCLEAN, errno.EBADMSG, errno.ENOLCK, errno.EPROTO),
)
_ADVICE = {
    **dict.fromkeys(_PASSING, "look at its disk or network"),
    **dict.fromkeys(_FULL, "make room"),
    **dict.fromkeys(_PATHS, "give a path that may be used here"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more with ulimit -n, or lower loop.workers"),
    errno.ENOMEM: "give the process more memory, or lower loop.batch or loop.workers",
    errno.EROFS: "name a place that can be written",
    errno.EFBIG: "allow larger files with ulimit -f",
}
_THREADS_ADVICE = "allow more processes with ulimit -u, or set OMP_NUM_THREADS=1 and loop.workers=0"
# Libraries in C++ and Rust write the number of a system's error into a text, or only its words.
_NUMBER = re.compile(r"\(os error (\d+)\)|\b[Ee]rrno:? (\d+)|\bError code (\d+) \(")
_THREADS = re.compile(r"can't start new thread|Resource temporarily unavailable|ThreadPoolBuildError", re.IGNORECASE)
# What the interpreter, or oneDNN, says where a library in C failed, mostly to allocate, and did not tell.
_SILENT = re.compile(
    r"without (?:setting an exception|exception set)|returned NULL|could not create a primitive$", re.IGNORECASE
)
_WORDS = {
    errno.EMFILE: re.compile(r"too many open files|received 0 items of ancdata", re.IGNORECASE),
    errno.ENOMEM: re.compile(r"(?:can't|cannot) allocate memory|bad_alloc|malloc of size|failed to map", re.IGNORECASE),
}


@contextmanager
def reading(name: str, wrong: str, remedy: str) -> Iterator[None]:
    """What a library raises over the file or folder `name` becomes a TLError: '{name}: {wrong} (why): {remedy}.'

    That holds for whatever it raises, the panics of Rust included, which are no `Exception`. A refusal of the system is
    a `MachineFault`, since it says nothing of what the file holds. A TLError, a signal and an exit pass unchanged.
    """
    try:
        yield
    except (TLError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        fault = machine_fault(error, name)
        raise fault or TLError(f"{name}: {wrong} ({reason_of(error)}): {remedy}.") from error


def each(rows: Iterable[T], name: str, wrong: str, remedy: str) -> Iterator[T]:
    """The items of a library's iterable, each taken within `reading`; what is done with an item stays outside of it."""
    with reading(name, wrong, remedy):
        iterator = iter(rows)
    while True:
        with reading(name, wrong, remedy):
            found = next(iterator, _END)
        if found is _END:
            return
        yield cast("T", found)


def machine_fault(error: BaseException, name: str = "") -> MachineFault | None:
    """The sentence for an error of the machine: too little memory, files, threads or room, or a disk that fails.

    None for any other error. `name` is what was read; without it, the file that the error names. Where memory, files or
    threads ran out, a library's next error may be of another kind: what it was raised from or after counts.
    """
    fault = _fault_of(error, name)
    came_of = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while fault is None and came_of is not None:
        if _ran_out(came_of):
            fault = _fault_of(came_of, name)
        came_of = came_of.__cause__ or came_of.__context__
    return fault


def _ran_out(error: BaseException) -> bool:
    return _is_of_threads(error) or _number_of(error) in (errno.ENOMEM, errno.EMFILE, errno.ENFILE)


def _is_of_threads(error: BaseException) -> bool:
    return isinstance(error, (RuntimeError, OSError)) and bool(_THREADS.search(str(error)))


def _fault_of(error: BaseException, name: str) -> MachineFault | None:
    """The sentence for this very error."""
    where = name or (str(error.filename) if isinstance(error, OSError) and error.filename is not None else "")
    refused = f"{where}: cannot be read now" if where else "The system refused"
    number = _number_of(error)
    if isinstance(error, (SystemError, RuntimeError)) and _SILENT.search(str(error)):
        why = f"{name}: a library" if name else "A library"
        return MachineFault(f"{why} failed without saying why, as where there is no memory: {_ADVICE[errno.ENOMEM]}.")
    if _is_of_threads(error):
        return MachineFault(f"{refused} (no more threads or processes can be started): {_THREADS_ADVICE}.")
    if number in _ADVICE:
        whole = "; what it holds may be whole" if where and number in _PASSING else ""
        return MachineFault(f"{refused} ({os.strerror(number)}): {_ADVICE[number]}{whole}.")
    return None


def advice(number: int | None) -> str:
    """What to do where the system refused with this error number: room is made only where a disk or quota is full."""
    return _ADVICE.get(number or 0, "see to what the system says")


def reason_of(error: BaseException) -> str:
    """The first line of what an error says, cut to a readable length; its type where it says nothing."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return line.rstrip(".") or type(error).__name__


def _number_of(error: BaseException) -> int | None:
    """The system's number for an error, from its text where a library kept no other trace of it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    text = str(error)
    if found := _NUMBER.search(text):
        return int(next(filter(None, found.groups())))
    libraries = isinstance(error, (RuntimeError, OSError, ImportError))
    return next((number for number, words in _WORDS.items() if libraries and words.search(text)), None)
