"""Several processes on this machine: the same command once for each, by torch's own launcher."""

from __future__ import annotations

import subprocess
import sys


def relaunch(processes: int) -> int:
    """Run this very command in `processes` processes and return the exit code of the first that failed, or 0."""
    arguments = _without_processes(sys.argv[1:])
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.call([*launcher, "-m", "tl.cli.app", *arguments])


def _without_processes(arguments: list[str]) -> list[str]:
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--processes":
            skip = True
        elif not argument.startswith("--processes="):
            kept.append(argument)
    return kept
