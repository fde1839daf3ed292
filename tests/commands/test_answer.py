"""The report says how a model is used: its commands and its lines of Python run as they stand there."""

from __future__ import annotations

import contextlib
import html
import io
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import KINDS, Command, Runs
from tl.commands.answer import RunModel
from tl.errors import TLError


def shown(run: Path) -> tuple[list[str], str]:
    """The commands and the program of a run's report."""
    page = (run / "report.html").read_text(encoding="utf-8")
    part = re.search(r'<section id="usage".*?</section>', page, re.DOTALL)
    assert part is not None
    shell, python = (
        html.unescape(re.sub("<[^>]+>", "", one)) for one in re.findall("<pre.*?</pre>", part[0], re.DOTALL)
    )
    return [line for line in shell.splitlines() if not line.startswith("#")], python


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_and_the_lines_of_python_run_as_they_stand(kind: str, runs: Runs, tl: Command) -> None:
    commands, python = shown(runs(kind))
    assert len([line for line in python.splitlines() if line]) <= 5
    command = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {commands[0]}"], capture_output=True, text=True, check=True
    )
    first, *words = command.stdout.split("\0")[:-1]
    assert first == "tl", "a shell reads the words as they are meant"
    answer = tl(*words, "--json").json
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(python, {})
    assert printed.getvalue() == f"{answer['input']} {answer['predicted']}\n"


def test_the_other_commands_name_this_run_and_are_known(runs: Runs, tl: Command) -> None:
    commands, _ = shown(runs("text"))
    assert [shlex.split(command)[1] for command in commands] == ["predict", "predict", "evaluate"]
    assert {shlex.split(command)[2] for command in commands} == {str(runs("text"))}
    assert tl(*shlex.split(commands[2])[1:]).mistake.startswith("--data: there is nothing at 'labelled'")


def test_a_text_that_is_a_files_name_is_a_text(runs: Runs) -> None:
    model = RunModel(runs("text").parent)
    (answer,) = model(["/etc/hostname"])
    assert answer["input"] == "/etc/hostname"
    assert sum(answer["scores"].values()) == pytest.approx(1)
    with pytest.raises(TLError, match="Give at least one picture or text"):
        model([])
