"""Standard streams that nobody reads, that are full, closed or lost: no run ends by them; no table is lost silently."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import SHORT, TEXT
from tl.cli.printing.output import _AT_ONCE, Output
from tl.errors import Unwritable
from tl.run.run import Run

LINE = b"x" * 3000


def refused(case: str) -> int:
    """A descriptor that takes nothing: of a full disk, of a pipe without a reader, of a terminal that is gone."""
    if case == "full disk":
        return os.open("/dev/full", os.O_WRONLY)
    near, far = os.openpty() if case == "lost terminal" else os.pipe()
    os.close(near)
    return far


@pytest.mark.parametrize("case", ["full disk", "broken pipe", "lost terminal"])
def test_a_refused_line_is_left_out_unless_it_is_what_the_command_is_for(case: str) -> None:
    file = refused(case)
    wanted, spare = Output(file, needed=True), Output(file, needed=False)
    for patience in (float("inf"), 5.0):
        spare.patience = patience
        assert [spare.write(LINE), spare.write(LINE)] == [3000, 3000]
    with pytest.raises(BrokenPipeError if case == "broken pipe" else Unwritable):
        wanted.write(LINE)
    assert wanted.write(LINE) == 3000, "the interpreter flushes once more at its end"
    os.close(file)


def test_a_run_waits_for_a_reader_that_reads_nothing_once_and_goes_on_when_it_reads_again() -> None:
    near, far = os.pipe()
    output = Output(far, needed=False)
    output.patience = 0.02
    written = [output.write(LINE) for _ in range(40)]
    assert set(written) == {3000}
    held = os.read(near, 1 << 20)
    assert 0 < len(held) < 40 * 3000
    assert output.write(LINE + LINE) == _AT_ONCE, "more could make it wait"
    assert os.read(near, 1 << 20) == (LINE + LINE)[:_AT_ONCE]


def test_a_command_waits_for_a_slow_reader_of_a_pipe_that_does_not_wait_by_itself() -> None:
    near, far = os.pipe()
    os.set_blocking(far, False)
    output, got = Output(far, needed=True), bytearray()

    def read() -> None:
        while piece := os.read(near, 1 << 16):
            got.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    rest = content = os.urandom(1 << 18)
    while rest:
        rest = rest[output.write(rest) :]
    os.close(far)
    reader.join()
    assert bytes(got) == content


def shell(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m tl"
    command = ["bash", "-o", "pipefail", "-c", words.replace("tl ", f"{program} ")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def test_a_command_that_only_prints_says_that_it_cannot(tmp_path: Path) -> None:
    done = shell("tl list --json >/dev/full", tmp_path)
    text = "Standard output cannot be written (No space left on device): give it another place.\n"
    assert (done.returncode, done.stderr) == (1, text)
    assert shell("tl list 2>&- | head -1 >/dev/null", tmp_path).returncode == 0


@pytest.mark.parametrize(
    "streams", ["<&- >&- 2>&-", pytest.param(">/dev/full 2>&1", marks=pytest.mark.slow), "2>/dev/full | true"]
)
def test_a_run_is_complete_whatever_becomes_of_its_output(streams: str, tmp_path: Path) -> None:
    recipe = " ".join([*TEXT, *SHORT, "loop.length=4step"])
    done = shell(f"tl finetune base {recipe} --runs {tmp_path} {streams}", tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "base").iterdir()
    assert Run.open(run).meta["status"] == "done"
    assert (run / "model.safetensors").is_file()
