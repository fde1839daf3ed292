"""`tl finetune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tl.errors import TLError


def register(app: typer.Typer) -> None:
    app.command("finetune")(finetune)


def finetune(
    recipe: Annotated[str | None, typer.Argument(help="A shipped recipe's name, or a path to one of yours.")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as in optimizer.lr=1e-4 head=mlp")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run where it stopped.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to train with on this machine.")] = 1,
    find_lr: Annotated[bool, typer.Option("--find-lr", help="Only look for a learning rate; train nothing.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder that holds all runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a model as a recipe says; leaves a run folder with the model, its numbers and report.html."""
    if (recipe is None) == (resume is None):
        raise TLError("Give either a recipe or --resume RUN: tl finetune RECIPE [key=value ...].")
    if resume is not None and overrides:
        raise TLError(
            "--resume goes on with the same recipe; for other settings start a new run with backbone.weights=RUN."
        )
    if processes > 1 and find_lr:
        raise TLError("--find-lr looks with one process: leave --processes out.")
    from tl.commands.launch import launched, relaunch

    if processes > 1 and not launched() and "RANK" in os.environ:
        raise TLError(f"--processes {processes}: torchrun or accelerate already starts the processes: leave it out.")
    from tl.cli.training import asked_for, run_finetune

    wanted = asked_for(recipe, overrides or [], resume)
    if processes > 1 and not launched():
        return relaunch(processes)
    return run_finetune(wanted, resume, runs, find_lr=find_lr, as_json=json)
