"""The command line as a user has it, in this process and in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tl.cli.app import app

Run = Callable[..., str]


@pytest.fixture
def tl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """tl(*arguments) runs a command in an empty folder and gives what it printed; mistakes propagate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return str(result.stdout)

    return run


def outside(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, where mistakes become exit codes."""
    command = [sys.executable, "-m", "tl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def pictures(root: Path, **counts: int) -> None:
    """Folders of pictures, no two alike, one folder for each class."""
    for i, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (40 * i, number, 9)).save(root / name / f"{number}.png")
