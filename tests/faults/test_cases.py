"""Small inputs that `tl` once answered wrongly: a folder of `cases/` each, made up after public reports on other tools.

`cmd.sh` exits 0 where the answer is right and 1 where the fault is there; `expected` says what is right.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "cases"
CASES = sorted(file.parent.name for file in HERE.glob("*/cmd.sh"))


@pytest.mark.parametrize("case", CASES)
def test_a_small_input_is_answered_rightly(case: str, tmp_path: Path) -> None:
    folder = tmp_path / case  # a copy: what a command leaves behind must not reach the sources
    shutil.copytree(HERE / case, folder)
    answers = {"TL": str(Path(sys.executable).with_name("tl")), "PY": sys.executable}
    command = ["bash", str(folder / "cmd.sh")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **answers}
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nExpected: {(folder / 'expected').read_text()}"
