"""`tl runs`: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tl.cli.printing.terminal import say


def register(app: typer.Typer) -> None:
    app.command("runs")(runs)


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds all runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List runs, newest first, with how they went."""
    from dataclasses import asdict

    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.runs import print_runs
    from tl.commands.runs import list_runs

    found = list_runs(folder)
    if json:
        print_json([asdict(summary) for summary in found])
    elif found:
        print_runs(found)
    else:
        say(f"No run in {folder} yet: tl finetune RECIPE makes one.")
