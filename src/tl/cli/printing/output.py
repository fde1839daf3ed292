"""Standard output and error that outlive their reader: no run ends because nobody can read of it."""

from __future__ import annotations

import io
import math
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from tl.errors import Unwritable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PATIENCE = 10.0  # seconds
_AT_ONCE = select.PIPE_BUF  # a pipe that is ready takes so many bytes without waiting


class Output(io.FileIO):
    """A stream to an open descriptor. What it cannot write is an error, once, while it is `needed`, else left out.

    A reader that takes nothing for `patience` seconds costs what is written from then on, until it reads again.
    """

    def __init__(self, descriptor: int, *, needed: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.needed, self.patience, self._waits = needed, math.inf, True

    def write(self, content: ReadableBuffer) -> int:
        data = memoryview(content).cast("B")
        try:
            written: int | None = None
            while written is None and self._is_ready():
                written = super().write(data if math.isinf(self.patience) else data[:_AT_ONCE])
            return len(data) if written is None else written
        except OSError as error:
            if not self.needed:
                return len(data)
            self.needed = False  # the interpreter writes once more what is left, when it ends
            if isinstance(error, BrokenPipeError):
                raise
            raise Unwritable(f"Standard output cannot be written ({error.strerror}): give it another place.") from error

    def _is_ready(self) -> bool:
        """Whether something can be written without waiting for ever; a reader that failed once is not waited for."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        limit = None if math.isinf(self.patience) else 1000 * self.patience if self._waits else 0
        self._waits = bool(poll.poll(limit))
        return self._waits


def prepare_streams() -> None:
    """Give this process standard streams that a closed descriptor, a full disk or a lost terminal cannot break.

    A descriptor that was closed when the process began leads to nowhere, so that no file of a run gets its number.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _lasting(stream, descriptor))
        elif isinstance(stream, io.TextIOWrapper):  # of another program, which ran this one as a function
            stream.reconfigure(errors="backslashreplace")


def _lasting(stream: TextIO | None, descriptor: int) -> io.TextIOWrapper:
    """The stream that takes the place of the one that the interpreter made, or did not make for a closed descriptor.

    A file name may hold bytes that are no text, and a terminal may lack a letter: neither may be an error.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(Output(descriptor, needed=descriptor == 1)),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="backslashreplace",
        line_buffering=isinstance(stream, io.TextIOWrapper) and (stream.line_buffering or stream.write_through),
    )


@contextmanager
def not_worth_a_run() -> Iterator[None]:
    """A context in which a run trains: it waits for no reader. What this command prints later is not needed either."""
    outputs = [output for output in map(_output, (sys.stdout, sys.stderr)) if output is not None]
    for output in outputs:
        output.needed, output.patience = False, _PATIENCE
    try:
        yield
    finally:
        for output in outputs:
            output.patience = math.inf


def _output(stream: object) -> Output | None:
    """The `Output` below a stream; None where another program has put a stream of its own in that place."""
    if isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.BufferedWriter):
        return stream.buffer.raw if isinstance(stream.buffer.raw, Output) else None
    return None
