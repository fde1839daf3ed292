"""The drills of this folder as commands: a few rounds in CI, all of them where slow tests run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.sweep import FAULTS

FEW = {
    "kill_drill --kills 4": "2 of 2 resumed runs ended bit-equal",
    "disk_drill --points 2": "1 of 1 ended bit-equal",
    "cache_drill --rounds 2 --story image": "2 of 2 rounds ended bit-equal",
    "pause_drill --rounds 3 --story text": "3 of 3 runs ended bit-equal",
}
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


@pytest.mark.parametrize("words", FEW)
def test_a_few_rounds(words: str) -> None:
    lines = drill(words).splitlines()
    assert lines
    assert all(FEW[words] in line for line in lines)


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
