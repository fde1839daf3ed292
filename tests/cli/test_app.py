"""The frozen command line of all commands, and how mistakes end."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from tests.cli.conftest import outside
from tl.cli import app as application
from tl.cli.app import COMMAND_FILES, app

COMMANDS = {
    "finetune": "recipe overrides --resume --processes --find-lr --runs --json",
    "evaluate": "run overrides --split --data --fail-if --predictions --json",
    "predict": "run inputs --to --overwrite --batch --top --draw --json",
    "extract-features": "source overrides --to --json",
    "list": "group --json",
    "show": "recipe overrides --plain --augment --to --json",
    "check": "recipe overrides --time --fix --json",
    "copy": "recipe to",
    "explain": "key --json",
    "runs": "folder --json",
    "replay": "run --json",
    "reproduce": "run --runs --json",
    "verify-resume": "recipe overrides --steps --json",
    "cache": "folder --clear --older-than --json",
    "doctor": "--json",
}


def test_the_command_line_is_frozen() -> None:
    group = typer.main.get_command(app)
    found = {
        name: " ".join(p.opts[0] if p.param_type_name == "option" else str(p.name) for p in command.params)
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }
    assert list(found.items()) == list(COMMANDS.items()), "also the order in which tl --help shows the commands"


def test_each_command_has_the_file_of_its_name() -> None:
    others = {"__init__", "main", "app", "launched", "flags"}
    assert {path.stem for path in Path(application.__file__).parent.glob("*.py")} - others == set(COMMAND_FILES)
    assert [file.rstrip("_").replace("_", "-") for file in COMMAND_FILES] == list(COMMANDS)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["chek"], "No such command 'chek'. Did you mean 'check', 'cache'? See"),
        (["check"], "Missing argument 'RECIPE'. See"),
        (["check", "base", "--fast"], "No such option: --fast. See"),
        (["check", "bass"], "There is no recipe 'bass'. Did you mean 'base'?"),
        (["cache", "--older-than", "3"], "--older-than 3 says what to remove: give --clear too."),
        (["runs", "nowhere"], "There is no folder 'nowhere': runs are in ./runs unless"),
        (["check", "base"], "base.yaml:3: data.root has no value: the recipe must give a path. [E035]"),
    ],
)
def test_the_users_mistakes_end_in_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = outside(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
