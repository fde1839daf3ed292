"""`tl doctor`: whether this machine is ready: packages, extras, torch with torchvision, device, disk, shipped files."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any, Literal

from tl.recipe.registry import RECIPES

PACKAGE = "tl-toolkit"
_SHIPPED = Path(__file__).parents[1] / "components" / "backbone" / "shipped"
_LOW_DISK = 2 * 1024**3
_PROBE = """
import json, torch
found = {"torch": torch.__version__, "built_for": torch.version.cuda, "threads": torch.get_num_threads()}
found["gpu"] = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
try:
    import torchvision
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    found["torchvision"] = torchvision.__version__
except (ImportError, RuntimeError, AttributeError, OSError) as error:
    found["error"] = str(error).splitlines()[0]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Finding:
    """One finding: something is all right, worth knowing, or broken; the text of a broken one says the remedy."""

    state: Literal["ok", "note", "broken"]
    what: str
    text: str


def doctor() -> list[Finding]:
    """All findings, in the order in which they were looked for."""
    return [*_packages(), *_torch(), *_extras(), *_disk(), *_cache(), *_shipped()]


def _packages() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{sys.version.split()[0]} at {sys.executable}")
    for requirement, extra in _requirements():
        if not extra:
            yield _package(requirement)


def _requirements() -> Iterator[tuple[Any, str]]:
    """The packages that tl requires on this machine, each with the extra that requires it ('' for tl itself)."""
    from packaging.requirements import Requirement

    extras = metadata(PACKAGE).get_all("Provides-Extra") or []
    for text in requires(PACKAGE) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement, ""
            continue
        for extra in extras:
            if requirement.marker.evaluate({"extra": extra}):
                yield requirement, extra


def _package(requirement: Any) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding("broken", requirement.name, f"is missing: pip install '{wanted}'.")
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding("broken", requirement.name, f"{found} is too old or too new: pip install '{wanted}'.")
    return Finding("ok", requirement.name, found)


def _torch() -> Iterator[Finding]:
    """Findings on torch, asked for in a process of its own, which a broken build may end."""
    done = subprocess.run([sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        yield Finding("broken", "torch", f"cannot be imported ({last}): {_reinstall()}")
        return
    found = json.loads(done.stdout)
    if "error" in found:
        yield Finding("broken", "torch and torchvision", mismatch(found["torch"], found["error"]))
    gpu, built = found["gpu"], found["built_for"]
    if gpu:
        yield Finding("ok", "device", f"{gpu}, CUDA {built}")
    elif built:
        yield Finding(
            "note", "device", f"CPU, {found['threads']} threads: torch is built for CUDA {built} but sees no GPU"
        )
    else:
        yield Finding("ok", "device", f"CPU, {found['threads']} threads")


def mismatch(torch: str, error: str) -> str:
    """A sentence on why torchvision does not work with this torch, and what to do."""
    try:
        needed = [text for text in requires("torchvision") or () if text.startswith("torch=")]
        vision = version("torchvision")
    except PackageNotFoundError:
        return f"torchvision is missing: {_reinstall()}"
    wants = f"torchvision {vision} was built for {needed[0]}" if needed else f"torchvision {vision} is of another build"
    return f"{wants}, but torch {torch} is installed ({error}): {_reinstall()}"


def _reinstall() -> str:
    return "install the two together, pip install --upgrade --force-reinstall torch torchvision."


def _extras() -> Iterator[Finding]:
    by_extra: dict[str, list[Finding]] = {}
    for requirement, extra in _requirements():
        if extra:
            by_extra.setdefault(extra, []).append(_package(requirement))
    for extra, packages in by_extra.items():
        missing = [package.what for package in packages if package.state != "ok"]
        text = f"lacks {', '.join(missing)}: pip install '{PACKAGE}[{extra}]'" if missing else "installed"
        yield Finding("note" if missing else "ok", f"extra {extra}", text)


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    low = ": a run keeps two checkpoints and a model" if free < _LOW_DISK else ""
    yield Finding("note" if low else "ok", "disk", f"{free / 1024**3:.1f} GB free here{low}")


def _cache() -> Iterator[Finding]:
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        count = len(list(folder.glob("models--*")))
        yield Finding("ok", "hub cache", f"{folder}: {count} models; tl downloads nothing unless a recipe says so")
    else:
        yield Finding("broken", "hub cache", f"{folder} cannot be written: set HF_HOME to a folder of yours.")


def _shipped() -> Iterator[Finding]:
    broken = [path.name for path in sorted(_SHIPPED.iterdir()) if not intact(path)]
    if not (RECIPES / "base.yaml").is_file():
        broken.append(str(RECIPES / "base.yaml"))
    if broken:
        yield Finding("broken", "shipped files", f"{', '.join(broken)}: damaged or missing: reinstall {PACKAGE}.")
    else:
        yield Finding("ok", "shipped files", "weights, tokenizer and recipes are whole")


def intact(path: Path) -> bool:
    """False for a .safetensors file that is not as long as its header says, and a .json file that does not parse."""
    content = path.read_bytes()
    try:
        if path.suffix == ".safetensors":
            (length,) = struct.unpack("<Q", content[:8])
            header: dict[str, Any] = json.loads(content[8 : 8 + length])
            ends = [facts["data_offsets"][1] for name, facts in header.items() if name != "__metadata__"]
            return 8 + int(length) + max(ends, default=0) == len(content)
        if path.suffix == ".json":
            json.loads(content)
    except (struct.error, ValueError, KeyError, TypeError):
        return False
    return True
