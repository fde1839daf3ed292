"""Errors that nothing can catch: those of helper threads, and of objects that are taken apart.

Python prints their tracebacks in the middle of everything. Where the machine refused something, the command itself
ends, or goes on without the thread, and the one sentence of that refusal is what is told.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tl.boundary.foreign import machine_fault
from tl.errors import MachineFault

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


class Asides:
    """What the machine refused to a thread, kept until the command that it serves ends."""

    fault: MachineFault | None = None

    def __init__(self, debug: bool) -> None:
        self.debug = debug

    def of_thread(self, told: threading.ExceptHookArgs) -> None:
        """What `threading.excepthook` does."""
        if self._is_bug(told.exc_value):
            threading.__excepthook__(told)

    def ignored(self, told: UnraisableHookArgs) -> None:
        """What `sys.unraisablehook` does: after a refusal, much that was half made is taken apart."""
        if self._is_bug(told.exc_value) and self.fault is None:
            sys.__unraisablehook__(told)

    def _is_bug(self, error: BaseException | None) -> bool:
        fault = None if error is None else machine_fault(error)
        self.fault = self.fault or fault
        return fault is None or self.debug


@contextmanager
def keeping_asides(debug: bool) -> Iterator[Asides]:
    """A context for a command, with what its helper threads were refused; `debug` shows their tracebacks too."""
    asides, before = Asides(debug), (threading.excepthook, sys.unraisablehook)
    threading.excepthook, sys.unraisablehook = asides.of_thread, asides.ignored
    try:
        yield asides
    finally:
        threading.excepthook, sys.unraisablehook = before
