from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def drill(points: int) -> str:
    command = [sys.executable, "-m", "tests.faults.disk_drill", "--points", str(points)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_on_a_full_disk_end_the_same_when_there_is_room() -> None:
    assert drill(2).count("1 of 1 ended bit-equal") == 2


@pytest.mark.slow
def test_ten_runs_on_a_full_disk_end_the_same_when_there_is_room() -> None:
    assert drill(10).count("5 of 5 ended bit-equal") == 2
