"""How much of the machine others used meanwhile: times taken beside other work say nothing."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def watched(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The figures of a run, with the cores that processes other than its own kept busy on average."""
    began, busy, own = time.monotonic(), _busy(), _own()
    found = run()
    others = (_busy() - busy - (_own() - own)) / (time.monotonic() - began)
    return {**found, "others": max(0.0, others)}


def _busy() -> float:
    """Seconds of all cores that were not idle; /proc names idle and waiting fourth and fifth."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds of this process and of the children it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
