"""The signals that stop a run, and when they make it stop at once."""

from __future__ import annotations

import signal
import time

_ONCE = 0.5  # seconds

INSISTING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
"""The signals of somebody who waits: the second of them stops a run at once."""

STOPS = (*INSISTING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""All signals that stop a run after the step that it is in. The others come more than once by themselves: a terminal
that goes away sends SIGHUP twice, a limit of processor time SIGXCPU each second."""


def heard() -> list[signal.Signals]:
    """The signals that stop this process; one that was ignored when it began stays ignored, as SIGHUP under nohup."""
    return [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]


class Stops:
    """What a process has heard: `number` is that of the first signal, or 0."""

    def __init__(self) -> None:
        self.number, self._since = 0, 0.0

    def hear(self, number: int) -> bool:
        """Remember a signal; True where somebody insists, and the process is to stop at once.

        What comes within half a second of the first is the same signal: `timeout` sends it to a process and its group.
        """
        if not self.number:
            self.number, self._since = number, time.monotonic()
            return False
        return number in INSISTING and time.monotonic() > self._since + _ONCE
