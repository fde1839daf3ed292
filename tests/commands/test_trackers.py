"""Trackers: only those that are named, below the run's folder, and a sentence where a package is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import SIZES, Command

RECIPE = ["base", "data=tiny_sentences", "data.n=60", "backbone=tiny_text", *SIZES, "loop.log_every=2step"]


def test_tensorboard_writes_below_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    command = [sys.executable, "-m", "tl", "finetune", *RECIPE, "loop.trackers=[tensorboard]"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--runs", str(tmp_path)], capture_output=True, text=True, env=environment, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "base").iterdir()
    code = f"""
import json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from pathlib import Path
events = EventAccumulator(str(next(Path({str(run)!r}).rglob("events.out.*")).parent))
events.Reload()
print(json.dumps([[e.step, e.value] for e in events.Scalars("train/loss")]))
"""
    read = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    import json

    logged = json.loads(read.stdout.splitlines()[-1])
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = [(row["step"], row["loss"]) for row in rows if row["split"] == "train"]
    assert [step for step, _ in logged] == [step for step, _ in expected]
    assert [value for _, value in logged] == pytest.approx([value for _, value in expected], rel=1e-6)


def test_a_missing_tracker_is_a_sentence(tl: Command, tmp_path: Path) -> None:
    if find_spec("wandb") is not None:
        pytest.skip("wandb is installed")
    said = tl("finetune", *RECIPE, "loop.trackers=[wandb]", "--runs", tmp_path)
    assert (said.code, said.mistake) == (
        2,
        "loop.trackers: 'wandb' is missing: pip install 'tl-toolkit[wandb]'. [E058]",
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_tracker_is_a_sentence(tl: Command) -> None:
    said = tl("finetune", *RECIPE, "loop.trackers=[tensorbord]")
    assert said.code == 2
    assert "Did you mean 'tensorboard'?" in said.mistake
