from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def drill(kills: int) -> str:
    command = [sys.executable, "-m", "tests.faults.kill_drill", "--kills", str(kills)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_few_killed_runs_end_the_same() -> None:
    assert drill(4).count("2 of 2 resumed runs ended bit-equal") == 2


@pytest.mark.slow
def test_fifty_killed_runs_end_the_same() -> None:
    assert drill(50).count("25 of 25 resumed runs ended bit-equal") == 2
