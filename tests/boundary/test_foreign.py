"""The boundary: what a library raises over a file is one sentence; a fault of the machine is not told as the file's."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from tl.boundary.foreign import advice, each, machine_fault, reading, reason_of
from tl.cli.app import _without_debug
from tl.errors import MachineFault, Stopped, TLError
from tl.run.disk import writing


class Panic(BaseException):
    """As pyo3's PanicException, which is no `Exception`."""


def raised(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as found, reading("x.png", "cannot be read", "replace it"):
        raise error
    return found.value


@pytest.mark.parametrize(
    "error",
    [TypeError("odd"), Panic("odd"), Exception("odd"), AssertionError("odd"), OSError("odd"), RecursionError("odd")],
)
def test_whatever_is_raised_becomes_a_sentence_with_its_cause(error: BaseException) -> None:
    found = raised(error)
    assert str(found) == "x.png: cannot be read (odd): replace it."
    assert type(found) is TLError
    assert found.__cause__ is error


@pytest.mark.parametrize("error", [TLError("mine"), Stopped("s", 15), KeyboardInterrupt(), SystemExit(3)])
def test_own_sentences_signals_and_exits_pass(error: BaseException) -> None:
    assert raised(error) is error


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.EIO, "?", "y"), "Input/output error): look at its disk or network; what it holds may be whole."),
        (OSError(errno.ESTALE, "?"), "Stale file handle): look at its disk or network; what it holds may be whole."),
        (OSError(errno.EMFILE, "?"), "Too many open files): allow more with ulimit -n, or lower loop.workers."),
        (OSError(errno.EACCES, "?"), "Permission denied): give a path that may be used here."),
        (MemoryError(), "Cannot allocate memory): give the process more memory, or lower loop.batch or loop.workers."),
        (ValueError("I/O error: gone (os error 5)"), "Input/output error): look at its disk or network; what it"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Cannot allocate memory): give the process more"),
        (
            RuntimeError("received 0 items of ancdata"),
            "Too many open files): allow more with ulimit -n, or lower loop.",
        ),
        (RuntimeError("can't start new thread"), "no more threads or processes can be started): allow more processes"),
    ],
)
def test_a_fault_of_the_machine_says_nothing_of_what_the_file_holds(error: BaseException, words: str) -> None:
    found = raised(error)
    assert isinstance(found, MachineFault)
    assert found.exit_code == 1
    assert str(found).startswith("x.png: ")
    assert words in str(found)
    assert "replace" not in str(found)


def test_a_bug_is_no_fault_of_the_machine() -> None:
    assert machine_fault(RuntimeError("shape mismatch")) is None
    assert machine_fault(KeyError("can't start new thread")) is None
    assert machine_fault(OSError(errno.ENOENT, "?", "x")) is None
    assert str(machine_fault(OSError(errno.EMFILE, "?"))).startswith("The system refused (Too many open files): allow")
    assert str(machine_fault(OSError(errno.EIO, "?", "a/b"))).startswith("a/b: cannot be read now")


@pytest.mark.parametrize("number", errno.errorcode)
def test_room_is_made_only_where_there_is_none(number: int) -> None:
    with pytest.raises(TLError) as found, writing("place", ", then: again"):  # type: ignore[arg-type]
        raise OSError(number, os.strerror(number))
    assert ("make room" in str(found.value)) == (number in (errno.ENOSPC, errno.EDQUOT))
    assert str(found.value).endswith(f"{advice(number)}, then: again")


@pytest.mark.parametrize("how", ["__cause__", "__context__"])
def test_what_comes_of_a_lack_of_memory_files_or_threads_is_told_as_that(how: str) -> None:
    for lack in (MemoryError(), OSError(errno.EMFILE, "?"), RuntimeError("can't start new thread")):
        error, between = AttributeError("half made"), KeyError("x")
        setattr(error, how, between)
        setattr(between, how, lack)
        assert str(machine_fault(error)) == str(machine_fault(lack))
    error = AttributeError("odd")
    setattr(error, how, OSError(errno.EACCES, "?"))
    assert machine_fault(error) is None, "a file that a library may not read need not be why"


@pytest.mark.parametrize(
    "error",
    [
        SystemError("error return without exception set"),
        SystemError("<built-in function open> returned NULL without setting an exception"),
        RuntimeError("could not create a primitive"),
    ],
)
def test_a_library_that_fails_without_saying_why_lacks_memory(error: Exception) -> None:
    assert str(machine_fault(error)) == (
        "A library failed without saying why, as where there is no memory: give the process more memory, or lower "
        "loop.batch or loop.workers."
    )
    assert machine_fault(RuntimeError("could not create a primitive descriptor for an odd layout")) is None
    assert machine_fault(SystemError("bad argument to internal function")) is None


def test_an_iterable_is_guarded_and_who_takes_from_it_is_not() -> None:
    def rows() -> Iterator[int]:
        yield 1
        raise Panic("odd")

    taken = each(rows(), "x", "cannot be read", "replace it")
    assert next(taken) == 1
    with pytest.raises(TLError, match=r"x: cannot be read \(odd\): replace it\."):
        next(taken)
    with pytest.raises(TLError, match="not iterable"):
        next(each(3, "x", "cannot be read", "replace it"))  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        [1 // one for one in each([0], "x", "cannot be read", "replace it")]


def test_a_reason_is_one_line_of_readable_length() -> None:
    assert reason_of(ValueError("\n  first.\nsecond")) == "first"
    assert reason_of(KeyError()) == "KeyError"
    assert len(reason_of(ValueError("x" * 10**6))) < 310


def test_debug_may_stand_anywhere_but_behind_two_dashes() -> None:
    assert _without_debug(["check", "--debug", "base"]) == (True, ["check", "base"])
    assert _without_debug(["predict", "run", "--", "--debug"]) == (False, ["predict", "run", "--", "--debug"])
