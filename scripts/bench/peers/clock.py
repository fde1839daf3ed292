"""A peer's arguments and its one line of figures."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from peers.jobs import JOBS, STAGES


@dataclass
class Task:
    """What this process is to do, and when, on the machine's clock, training began and each epoch ended."""

    peer: str
    job: str
    modality: str
    folder: Path
    variant: str | None
    marks: list[float] = field(default_factory=list)

    def mark(self) -> None:
        """Training begins, or an epoch and its evaluation are over."""
        self.marks.append(_now())

    def report(self, accuracy: float) -> None:
        """Print the figures as a line of JSON, the last thing that a peer does."""
        epochs = [b - a for a, b in pairwise(self.marks)]
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        facts = {
            "peer": self.peer,
            "variant": self.variant,
            "job": self.job,
            "modality": self.modality,
            "seconds_total": round(_now() - _born(), 3),
            "seconds_train": round(sum(epochs), 3),
            "seconds_epoch": round(statistics.median(epochs), 3),
            "peak_mb": round(kilobytes / 1024),
            "metric": round(accuracy, 4),
        }
        print(json.dumps(facts), flush=True)


def task(
    peer: str, about: str | None, modalities: tuple[str, ...] = tuple(STAGES), variants: tuple[str, ...] = ()
) -> Task:
    """The task that the command line names."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("modality", choices=modalities)
    parser.add_argument("folder", type=Path, help="what peers.data wrote")
    parser.add_argument("--variant", choices=variants)
    chosen = parser.parse_args()
    return Task(peer, chosen.job, chosen.modality, chosen.folder / chosen.modality, chosen.variant)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _born() -> float:
    """When this process began; 19 fields after its name."""
    if sys.platform != "linux":
        raise OSError("The peers read their start from /proc, which only Linux has.")
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
