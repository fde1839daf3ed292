"""How far long work has come, and how long the rest will take: in words, at most every half minute."""

from __future__ import annotations

import time

from tl.report.words import duration

EVERY = 30.0  # seconds


class Pace:
    """Counts the parts of a work of `total` parts, from now on."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self._began = self._told = time.monotonic()

    def advance(self, parts: int) -> str:
        """Some more parts are done. Gives the state in words; '' where too little time has passed, and at the end."""
        self.done += parts
        now = time.monotonic()
        if now - self._told < EVERY or self.done >= self.total:
            return ""
        self._told = now
        left = (now - self._began) / self.done * (self.total - self.done)
        return f"{self.done:,} of {self.total:,}, about {duration(left)} left"

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._began
