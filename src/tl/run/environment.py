"""The machine, the package versions and the code that a run uses."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_PACKAGES = ("tl-toolkit", "torch", "torchvision", "transformers", "accelerate", "hydra-core", "omegaconf", "numpy")


def versions() -> dict[str, str]:
    """The versions of the packages that results depend on; '-' for a package that is missing."""
    return {"python": platform.python_version(), **{name: package_version(name) for name in _PACKAGES}}


def package_version(name: str) -> str:
    """The version of an installed package; '-' where it is not installed, as `tl` itself where only its source is."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def git_commit(folder: Path) -> str:
    """The commit of the checkout that holds `folder` as src/tl, with '+' where files differ from it; '' elsewhere.

    No other checkout around it is asked: it may be a stranger's, whose configuration names programs that git runs.
    """
    checkout = folder.parents[1]
    if folder.parent.name != "src" or not (checkout / ".git").exists():
        return ""
    no_programs = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    place = ["-C", str(checkout), f"--git-dir={checkout / '.git'}", f"--work-tree={checkout}"]
    command = ["git", *no_programs, *place, "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def lacks_to_compile() -> str | None:
    """What torch.compile needs and this machine lacks, with the remedy; None where nothing is missing."""
    program = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if which(program) is None:
        return f"no C++ compiler '{program}' is on this machine: install one, or name one in the variable CXX"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        return f"there is no {header}: install Python's headers (python3-dev)"
    return None


def machine(device: torch.device) -> str:
    """The device as a text for the user."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def peak_memory_mb(device: torch.device) -> dict[str, float]:
    """The peak memory of this process, and of the GPU where one is used, in MB."""
    import torch

    unit = 1024**2 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if device.type == "cuda":
        peak["gpu"] = torch.cuda.max_memory_allocated(device) / 1024**2
    return peak


def describe(device: torch.device, processes: int) -> dict[str, Any]:
    """The facts of the machine and the code for a run's meta.json."""
    return {
        "versions": versions(),
        "git": git_commit(Path(__file__).parent),
        "device": machine(device),
        "processes": processes,
        "platform": platform.platform(),
    }
