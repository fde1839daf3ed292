"""`tl finetune`: train a model, or look for its learning rate."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tl.cli.flags import AsJson, Overrides, RunsFolder, named_run
from tl.errors import TLError

if TYPE_CHECKING:
    from tl.recipe.recipe import Recipe


def register(app: typer.Typer) -> None:
    app.command("finetune")(finetune)


def finetune(
    recipe: Annotated[str | None, typer.Argument(help="A shipped recipe's name, or a path to one of yours.")] = None,
    overrides: Overrides = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run where it stopped.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to train with on this machine.")] = 1,
    find_lr: Annotated[bool, typer.Option("--find-lr", help="Only look for a learning rate; train nothing.")] = False,
    runs: RunsFolder = Path("runs"),
    json: AsJson = False,
) -> None:
    """Train a model as a recipe says; leaves a run folder with the model, its numbers and report.html."""
    if (recipe is None) == (resume is None):
        raise TLError("Give either a recipe or --resume RUN: tl finetune RECIPE [key=value ...].")
    if resume is not None and overrides:
        raise TLError(
            "--resume goes on with the same recipe; for other settings start a new run with backbone.weights=RUN."
        )
    resume = None if resume is None else named_run(resume)
    if processes > 1 and find_lr:
        raise TLError("--find-lr looks with one process: leave --processes out.")
    from tl.commands.launch import launched, relaunch

    if processes > 1 and not launched() and "RANK" in os.environ:
        raise TLError(f"--processes {processes}: torchrun or accelerate already starts the processes: leave it out.")
    loaded = _load_recipe(recipe, overrides or [], resume)
    if processes > 1 and not launched():
        limit = loaded.loop.max_time
        return relaunch(processes, time.monotonic() + (math.inf if limit is None else 60 * limit.value))
    return _find_rates(loaded, json) if find_lr else _train(loaded, resume, runs, json)


def _load_recipe(reference: str | None, overrides: list[str], resume: Path | None) -> Recipe:
    """The recipe to train, or that of the run to resume; a mistake in the recipe is told before torch is imported."""
    from tl.recipe.recipe import load
    from tl.run.run import RECIPE, Run

    if reference is not None:
        return load(reference, overrides)
    assert resume is not None
    run = Run.open(resume)
    if run.meta["status"] == "done":
        raise TLError(f"'{resume}' is done; to train further from it, start a new run with backbone.weights={resume}.")
    return load(str(run.path / RECIPE))


def _find_rates(recipe: Recipe, as_json: bool) -> None:
    from tl.cli.printing.finetune import print_rates
    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.progress import choose_listener
    from tl.commands.finetune import find_rates

    found = find_rates(recipe, choose_listener(quiet=as_json or not _is_first_process()))
    if as_json:
        print_json({phase: vars(sweep) for phase, sweep in found.items()})
    else:
        print_rates(found)


def _train(recipe: Recipe, resume: Path | None, root: Path, as_json: bool) -> None:
    """Train; then the first process prints the result."""
    import shlex

    from tl.cli.printing.finetune import print_run, run_as_json
    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.output import not_worth_a_run
    from tl.cli.printing.progress import choose_listener
    from tl.commands.finetune import Request, finetune
    from tl.run.run import Run

    quiet = as_json or not _is_first_process()
    with not_worth_a_run(), choose_listener(quiet) as listener:
        path = finetune(Request(recipe, root, resume, shlex.join(["tl", *sys.argv[1:]])), listener)
    if not _is_first_process():
        return
    run = Run.open(path)
    if as_json:
        print_json(run_as_json(run))
    else:
        print_run(run)


def _is_first_process() -> bool:
    return os.environ.get("RANK", "0") == "0"
