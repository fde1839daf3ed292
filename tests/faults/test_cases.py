"""Small inputs that `tl` once answered wrongly: a folder of `cases/` each, made up after public reports on other tools.

`cmd.sh` exits 0 where the answer is right and 1 where the fault is there; `expected` says what is right. Their `tl` is
forked from one process that has imported everything (warm.py), but where a signal is sent to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import warm

HERE = Path(__file__).parent / "cases"
CASES = sorted(file.parent.name for file in HERE.glob("*/cmd.sh"))
SIGNALS = ("26_ignored_sigint",)


@pytest.fixture(scope="module")
def tl(refused: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm.tl(tmp_path_factory.mktemp("warm")) as program:
        yield program


@pytest.mark.parametrize("case", CASES)
def test_a_small_input_is_answered_rightly(case: str, tl: Path, tmp_path: Path) -> None:
    folder = tmp_path / case  # a copy: what a command leaves behind must not reach the sources
    shutil.copytree(HERE / case, folder)
    program = Path(sys.executable).with_name("tl") if case in SIGNALS else tl
    answers = {"TL": str(program), "PY": sys.executable}
    command = ["bash", str(folder / "cmd.sh")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **answers}
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nExpected: {(folder / 'expected').read_text()}"
