"""`python -m tl`, which is looked for in the working folder first, in a folder of a stranger's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("options", [[], ["-P"]], ids=["plain", "safe"])
def test_modules_in_the_working_folder_are_not_run(options: list[str], tmp_path: Path) -> None:
    for name in ("typer", "yaml", "rich", "json", "re", "tomllib"):
        (tmp_path / f"{name}.py").write_text("open('sprung', 'w').close()")
    (tmp_path / "r.yaml").write_text("defaults: [base, {data: tiny_sentences}, {backbone: tiny_text}]")
    command = [sys.executable, *options, "-m", "tl", "check", "r.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("options", [[], ["-P"]], ids=["plain", "safe"])
def test_a_working_folder_that_was_removed_is_one_sentence(options: list[str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" {" ".join(options)} -m tl check tiny_images'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    said = "The working folder was removed: change to another one, with cd, and call tl again.\n"
    assert (done.returncode, done.stderr) == (2, said)
