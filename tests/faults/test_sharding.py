"""FSDP: real processes that share out the backbone train as one does, and leave checkpoints that one can go on with.

Few steps: a ReLU whose input is rounded to the other side of 0 has another gradient, and losses then part.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.test_processes import agree, ends, logged, start, story
from tests.training.test_signals import meta, stop_once_it_trains
from tl.errors import TLError
from tl.recipe.recipe import load

Train = Callable[..., Path]
CHANGED = ["loop.batch=24", "loop.device_batch=6", "loop.ema=null", "loop.patience=null", "loop.length=36step"]
CHANGED += ["freeze.every=6step", "loop.skip_bad=1", "loop.shard=true"]

HELD = """
import os

from accelerate import Accelerator
from torch.distributed.tensor import DTensor

from tl.commands.assemble import assemble
from tl.recipe.recipe import load
from tl.training.sharding import ShardedStep

accelerator = Accelerator(cpu=True)
built = assemble(load("base", ["data=tiny_shapes", "backbone=tiny_image"]))
built.model.learn({"backbone.2", "backbone.3", "head"})
step = ShardedStep(built.model, built.method, accelerator)
held = sum(p.to_local().numel() for p in step.model.backbone.parameters() if isinstance(p, DTensor))
whole = sum(p.numel() for p in built.model.backbone.parameters())
print(accelerator.process_index, held / whole, flush=True)
os._exit(0)  # as tl's own processes end
"""


@pytest.mark.parametrize(
    "kind, by_three",
    [("text", False), *(pytest.param(kind, True, marks=pytest.mark.slow) for kind in ("text", "image"))],
)
def test_a_sharded_run_does_as_a_whole_one_which_ends_it(
    kind: str, by_three: bool, train: Train, tmp_path: Path
) -> None:
    recipe = [*story(kind, tmp_path), *CHANGED, f"cache.folder={tmp_path / 'cache'}"]
    root = tmp_path / "two"
    process = start("base", *recipe, "--processes", 2, "--runs", root, cache=tmp_path)
    run = stop_once_it_trains(process, root, signal.SIGTERM, rows=10)
    process.communicate(timeout=60)
    assert (process.returncode, meta(run)["status"]) == (143, "stopped")
    assert 6 < logged(run)[-1]["step"] < 36, "a stage of the backbone was to learn"
    copy = tmp_path / "copy" / "base" / run.name
    shutil.copytree(run, copy)
    whole = train(*recipe)
    assert "loop.shard: one process has nobody to share with" in (whole / "log.txt").read_text()
    agree(whole, train(resume=run))
    if by_three:
        ends(start("--resume", copy, "--processes", 3, cache=tmp_path))
        agree(whole, copy)


def test_each_process_holds_its_part(tmp_path: Path) -> None:
    script = tmp_path / "held.py"
    script.write_text(HELD)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    shares = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    assert shares.keys() == {"0", "1"}
    assert all(share == pytest.approx(0.5, abs=0.02) for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "other, remedy",
    [
        ("loop.ema=0.9", "ema=null"),
        ("loop.compile=true", "compile=false"),
        ("loop.precision=fp16", "precision=bf16"),
        ("loop.device_batch=auto", "a number for device_batch"),
    ],
)
def test_what_does_not_go_with_sharding_is_refused(other: str, remedy: str) -> None:
    with pytest.raises(TLError) as refused:
        load("base", ["data=tiny_shapes", "loop.shard=true", other])
    assert str(refused.value) == f"command line: loop.shard is true: write false, or {remedy}."


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path: Path) -> None:
    recipe = [*story("image", tmp_path), *CHANGED, "loop.batch=25"]
    process = start("base", *recipe, "--processes", 2, "--runs", tmp_path, cache=tmp_path)
    _, said = process.communicate(timeout=120)
    text = "loop.shard: 2 processes cannot share 25 samples evenly: set loop.batch=24, or loop.shard=false.\n"
    assert (process.returncode, said) == (2, text)
