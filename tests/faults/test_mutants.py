"""Inputs of every kind, changed at random with their checksums made anew: each is taken, or refused in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants import KINDS

ROOT = Path(__file__).parents[2]


def drilled(to: Path, times: int, seed: int) -> dict[str, dict[str, int | list[str]]]:
    command = [sys.executable, "-P", "-m", "tests.faults.mutants", f"--times={times}", f"--seed={seed}", f"--json={to}"]
    places = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": places}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, int | list[str]]] = json.loads(to.read_text())
    return found


@pytest.mark.parametrize(
    "times, seed", [(1, 7), pytest.param(20, 0, marks=pytest.mark.slow)], ids=["bounded", "in full"]
)
def test_no_mutant_is_more_than_taken_or_refused(times: int, seed: int, tmp_path: Path) -> None:
    found = drilled(tmp_path / "found.json", times, seed)
    for kind, number in KINDS.items():
        counts = found[kind]
        assert not counts["bad"], (kind, counts["bad"])
        assert counts["inputs"] == number * times
        assert counts.get("taken", 0) + counts.get("refused", 0) == counts["inputs"]  # type: ignore[operator]
    assert all(counts.get("refused") for counts in found.values()), "a kind of change that changes nothing"
    assert sum(bool(counts.get("taken")) for counts in found.values()) >= 5, "readers that refuse whatever they get"
