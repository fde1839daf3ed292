"""The launchers that people use: torchrun, and `accelerate launch`, start `tl` as `--processes` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_processes import logged, the_run
from tests.training.test_signals import meta

SHORT = ["data=tiny_shapes", "data.n=155", "backbone=tiny_image", "loop.batch=25", "loop.length=6step"]
SHORT += ["loop.log_every=1step", "loop.bootstrap=5", "cache.use=never", "freeze=full"]
TORCHRUN = ["torch.distributed.run", "--nproc_per_node", "2"]
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]


def by(launcher: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *launcher, "-m", "tl", "finetune", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=150, env=environment, check=False)


@pytest.mark.parametrize(
    "launcher", [TORCHRUN, pytest.param(ACCELERATE, marks=pytest.mark.slow)], ids=["torchrun", "accelerate"]
)
def test_a_launcher_starts_one_run_of_two_processes(launcher: list[str], tmp_path: Path) -> None:
    done = by(launcher, "base", *SHORT, "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report  ") == 1
    run = the_run(tmp_path)
    assert (meta(run)["processes"], meta(run)["status"]) == (2, "done")
    assert [row["step"] for row in logged(run) if row["split"] == "train"] == list(range(1, 7))


@pytest.mark.parametrize("mistake", ["loop.bst=accuracy", pytest.param("loop.best=acuracy", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "launcher", [TORCHRUN, pytest.param(ACCELERATE, marks=pytest.mark.slow)], ids=["torchrun", "accelerate"]
)
def test_a_mistake_is_said_once_and_on_top(launcher: list[str], mistake: str, tmp_path: Path) -> None:
    done = by(launcher, "base", *SHORT, mistake, "--runs", tmp_path)
    assert done.returncode != 0
    said = [
        line for line in done.stderr.splitlines() if not line.lstrip().startswith(("The following", "`--", "To avoid"))
    ]
    assert "Did you mean" in said[0]
    assert done.stderr.count("Did you mean") == 1
    assert done.stdout == ""


def test_processes_of_a_launcher_start_no_others(tmp_path: Path) -> None:
    environment = {**os.environ, "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    command = [sys.executable, "-m", "tl", "finetune", "base", *SHORT, "--processes", "2", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    text = "--processes 2: torchrun or accelerate already starts the processes: leave it out.\n"
    assert (done.returncode, done.stderr) == (2, text)
