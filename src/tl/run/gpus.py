"""How many CUDA devices torch sees, found out as torch does but without importing it."""

from __future__ import annotations

import ast
import ctypes
from importlib.util import find_spec
from pathlib import Path


def cuda_devices() -> int | None:
    """The number of devices; None where it cannot be told without torch, as for other makers' devices."""
    built = _built_for()
    if built.get("hip") is not None or "cuda" not in built:
        return None
    return 0 if built["cuda"] is None else _counted_by_driver()


def _built_for() -> dict[str, object]:
    """What torch's version.py says it was built for; empty where there is no such file."""
    spec = find_spec("torch")
    file = None if spec is None or spec.origin is None else Path(spec.origin).with_name("version.py")
    if file is None or not file.is_file():
        return {}
    found: dict[str, object] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.AnnAssign(target=ast.Name(name), value=ast.Constant(value)):
                found[name] = value
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(value)):
                found[name] = value
    return found


def _counted_by_driver() -> int:
    """What the driver counts, which heeds CUDA_VISIBLE_DEVICES; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return 0 if failed else count.value
