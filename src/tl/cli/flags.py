"""The arguments and flags that several commands share, and the run that an argument names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.printing.terminal import say

RecipeName = Annotated[
    str, typer.Argument(help="A shipped recipe's name, or a path to one of yours.", metavar="RECIPE")
]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, as in optimizer.lr=1e-4 head=mlp")]
RunsFolder = Annotated[Path, typer.Option(help="The folder that holds all runs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RunFolder = Annotated[Path, typer.Argument(help="A run's folder, or runs/NAME for its newest run.")]


def named_run(folder: Path) -> Path:
    """The run that a folder names: of a folder of runs, the newest, which a line on standard error tells."""
    from tl.commands.launch import launched
    from tl.recipe.newest import newest_in_words, newest_run

    run = newest_run(folder)
    if run != folder and os.environ.get("RANK", "0") == "0" and not launched():
        say(newest_in_words(folder, run), file=sys.stderr)
    return run
