"""A job through `tl finetune`, as a process: its lines are timed as they come, its other figures read from the run."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from peers.jobs import overrides, recipe

_PHASE, _EVALUATION = re.compile(r"[\w. ]+: steps \d+-\d+, learning: "), re.compile(r"  step \d+: .*val ")


def run_tl(job: str, modality: str, folder: Path, extra: list[str]) -> dict[str, Any]:
    """The figures of one run."""
    written = folder / f"{modality}.yaml"
    written.write_text(recipe(modality, folder / modality), encoding="utf-8")
    with tempfile.TemporaryDirectory() as runs:
        words = ["finetune", str(written), *overrides(job, modality), *extra, "--runs", runs]
        began = time.monotonic()
        marks = _marks([str(Path(sys.executable).with_name("tl")), *words])
        total = time.monotonic() - began
        (run,) = (path.parent for path in Path(runs).glob("*/*/meta.json"))
        meta = json.loads((run / "meta.json").read_text(encoding="utf-8"))
        test = json.loads((run / "evaluation" / "test.json").read_text(encoding="utf-8"))
    epochs = [b - a for a, b in pairwise(marks)]
    return {
        "seconds_total": total,
        "seconds_train": sum(epochs),
        "seconds_epoch": statistics.median(epochs),
        "seconds_run": meta["seconds"],
        "peak_mb": meta["peak_memory_mb"]["process"],
        "metric": test["metrics"]["accuracy"]["value"],
    }


def _marks(command: list[str]) -> list[float]:
    """When the first phase began, and when each epoch's evaluation was over."""
    marks: list[float] = []
    heard: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if _EVALUATION.match(line) or (not marks and _PHASE.match(line)):
                marks.append(time.monotonic())
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(heard)}")
    return marks
