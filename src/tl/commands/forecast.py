"""What a run will need, computed before anything is loaded: steps, and lower bounds of memory and disk."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from tl.boundary.foreign import reading
from tl.recipe.recipe import Loop, Node
from tl.recipe.registry import options
from tl.recipe.signature import literal
from tl.recipe.weights import RUN_MODEL, Weights

MB = 1024**2
_FLOAT = 4  # bytes of a 32-bit number


@dataclass(frozen=True)
class Forecast:
    """The needs of a run: its steps, the number of `weights` in the backbone, `memory` and `disk` in MB.

    The last three are None where they are unknown. `memory` covers weights, gradients and optimizer state; activations
    and libraries come on top. `free` is the free disk space in MB.
    """

    samples: int
    steps_per_epoch: float
    steps: int
    weights: int | None
    memory: float | None
    disk: float | None
    free: float


def forecast(loop: Loop, nodes: dict[str, Node], samples: int, learning: float, root: Path) -> Forecast:
    """The needs of a run on `samples` training samples; `learning` is the share of the backbone that learns in it."""
    epoch = samples / min(loop.batch, samples)
    count = weight_count(Weights.parse(nodes["backbone"].values["weights"])) if _has_weights(nodes) else None
    kept = _numbers_per_weight(nodes["optimizer"]) * learning
    ema = 0 if loop.ema is None else 1
    copy_mb = None if count is None else count * _FLOAT / MB
    return Forecast(
        samples=samples,
        steps_per_epoch=epoch,
        steps=loop.length.steps(total=0, epoch=epoch),
        weights=count,
        memory=None if copy_mb is None else copy_mb * (1 + learning + kept + ema),
        disk=None if copy_mb is None else copy_mb * (3 + kept + ema),
        free=shutil.disk_usage(_nearest_folder(root)).free / MB,
    )


def _has_weights(nodes: dict[str, Node]) -> bool:
    return "weights" in nodes["backbone"].values


def _numbers_per_weight(optimizer: Node) -> int:
    """How many numbers the optimizer keeps for each weight: its class's STATES, else two, as Adam does."""
    try:
        return int(str(literal(options("optimizer")[optimizer.option].source, "STATES")))
    except LookupError:
        return 2


def _nearest_folder(path: Path) -> Path:
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())


def weight_count(weights: Weights) -> int | None:
    """How many numbers a backbone's weights have, from headers and file sizes; None where no file is here."""
    match weights.kind, weights.path:
        case "run", Path() as run:
            return _count_numbers(run / RUN_MODEL, "backbone.")
        case "file", Path() as file:
            return _count_numbers(file, "")
        case "folder", Path() as folder:
            files = [*folder.glob("*.safetensors")] or [*folder.glob("pytorch_model*.bin")]
            return sum(_count_numbers(file, "") for file in files) or None
        case "hub", _:
            here = weights.cached(RUN_MODEL)
            return None if here is None else _count_numbers(here, "")
    return None


def _count_numbers(file: Path, prefix: str) -> int:
    """The exact number for a safetensors file; for any other file its size in 32-bit numbers."""
    if file.suffix != ".safetensors":
        return file.stat().st_size // _FLOAT
    with reading(str(file), "cannot be read as weights, it may be cut short or none", "copy it again"):
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header: dict[str, Any] = json.loads(opened.read(min(length, file.stat().st_size)))
        shapes = (facts["shape"] for name, facts in header.items() if name.startswith(prefix) and "shape" in facts)
        return int(sum(prod(shape) for shape in shapes))
