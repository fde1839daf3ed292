"""Who is told of samples that do not come: the commands that read without a run simply wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked: list[float] = []
_told: list[Callable[[float, str], None]] = []


@contextmanager
def telling(told: Callable[[float, str], None]) -> Iterator[None]:
    """A context in which `told` is called each second that reading waits: for how long, and for what.

    What it raises ends the reading.
    """
    _told.append(told)
    try:
        yield
    finally:
        _told.remove(told)


def wait_on(seconds: float, what: str) -> None:
    """Tell that reading has waited so many seconds for these samples."""
    for told in _told:
        told(seconds, what)


@contextmanager
def asking() -> Iterator[None]:
    """A context for one question to a reader: the answer comes within a second, or the word that there is none yet."""
    _asked.append(time.monotonic())
    try:
        yield
    finally:
        _asked.pop()


def asked_for() -> float:
    """For how many seconds the present question has had no answer: a reader that stopped while it gave one."""
    return time.monotonic() - _asked[-1] if _asked else 0.0
