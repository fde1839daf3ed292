"""The drills of this folder as commands: a few rounds in CI, all of them where slow tests run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.sweep import FAULTS

FEW = {"kill, text": 1, "kill, image": 1, "disk, text": 2, "cache, image": 2, "pause, text": 3}
MANY = {
    "kill_drill --kills 50": "25 of 25 resumed runs ended bit-equal",
    "disk_drill --points 10": "5 of 5 ended bit-equal",
    "cache_drill --rounds 6": "6 of 6 rounds ended bit-equal",
    "pause_drill --rounds 100": "50 of 50 runs ended bit-equal",
}


def drill(words: str, *more: str) -> str:
    name, *arguments = [*words.split(), *more]
    command = [sys.executable, "-m", f"tests.faults.{name}", *arguments]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_few_rounds() -> None:
    lines = [line.partition(": ") for line in drill("bounded").splitlines()]
    assert {name: sum(map(int, re.findall(r": (\d+)", counts))) for name, _, counts in lines} == FEW


@pytest.mark.slow
@pytest.mark.parametrize("words", MANY)
def test_all_rounds(words: str) -> None:
    assert drill(words).count(MANY[words]) == 2


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("every", "faults"),
    [
        pytest.param(300, ["write, refused", "rename, killed there"], id="few"),
        pytest.param(10, [*FAULTS][:-1], marks=pytest.mark.slow, id="many"),
    ],
)
def test_the_sweep(every: int, faults: list[str]) -> None:
    lines = drill(f"sweep --every {every} --fault", *faults).splitlines()
    assert [line.partition(":")[0] for line in lines] == faults
    assert all("bit-equal" in line for line in lines)
