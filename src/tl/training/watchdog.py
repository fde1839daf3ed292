"""A thread that ends the process where its main thread cannot: one that waits for another process hears no signal."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from tl.inputs.waiting import asked_for
from tl.run.stops import STOPS, Stops

_INSISTED, _STUCK, _UNANSWERED = 5.0, 30.0, 5.0  # seconds
_IDLE = 0.01  # the share of a core that a main thread does not use up while it only waits
_LOOK = 0.5


class Watchdog:
    """Ends the process by `end` 5 s after a second signal, or where a stop is due and nothing happens for 30 s.

    A process that reads ahead and stopped while it handed over a batch is waited for 5 s.

    The interpreter's main thread runs the handlers of signals, but not while it is in a library's code, such as a
    collective operation, whose other processes may have stopped. `due` gives the signal that a stop is due for
    besides, or 0; `watched` is True while the main thread is to come to the end of a step.
    """

    def __init__(self, due: Callable[[], int], end: Callable[[int, str], NoReturn]) -> None:
        self.due, self.end, self.watched = due, end, False
        self._stops, self._main = Stops(), time.pthread_getcpuclockid(threading.get_ident())
        self._near, self._far = os.pipe()
        for file in (self._near, self._far):
            os.set_blocking(file, False)
        self._before = signal.set_wakeup_fd(self._far, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; the signals are left to whoever heard them before."""
        signal.set_wakeup_fd(self._before)
        os.write(self._far, b"\0")
        self._thread.join()
        for file in (self._near, self._far):
            os.close(file)

    def _watch(self) -> None:
        insisted, since, worked = 0.0, time.monotonic(), 0.0
        while True:
            heard = os.read(self._near, 99) if select.select([self._near], [], [], _LOOK)[0] else b""
            if 0 in heard:
                return
            now, busy = time.monotonic(), time.clock_gettime(self._main)
            for number in heard:
                if number in STOPS and self._stops.hear(number) and not insisted:
                    insisted = now
            if insisted and now > insisted + _INSISTED:
                self.end(self._stops.number, "stopped at once")
            due = self._stops.number or self.due()
            if not self.watched or not due:
                since, worked = now, busy
            elif asked_for() > _UNANSWERED:
                self.end(due, "a process that reads ahead stands still")
            elif busy - worked > _IDLE * _STUCK:
                since, worked = now, busy
            elif now > since + _STUCK:
                self.end(due, "the step does not end, as where another process or a disk stands still")
