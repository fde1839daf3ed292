"""What `tl finetune` prints."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tl.cli.progress import listener
from tl.cli.tables import print_json, print_outcome
from tl.cli.terminal import say
from tl.errors import TLError
from tl.recipe.recipe import Recipe, load
from tl.run.run import RECIPE, Run
from tl.run.schema import OUTCOME, demand, read_json


def asked_for(reference: str | None, overrides: list[str], resume: Path | None) -> Recipe:
    """The recipe to train, or that of the run to go on with; what is wrong with it is said before torch is imported."""
    if reference is not None:
        return load(reference, overrides)
    assert resume is not None
    run = Run.open(resume)
    if run.meta["status"] == "done":
        raise TLError(f"'{resume}' is done; to train further from it, start a new run with backbone.weights={resume}.")
    return load(str(run.path / RECIPE))


def run_finetune(recipe: Recipe, resume: Path | None, root: Path, *, find_lr: bool, as_json: bool) -> None:
    """Train, then say what came of it."""
    main = os.environ.get("RANK", "0") == "0"
    heard = listener(quiet=as_json or not main)
    if find_lr:
        from tl.cli.finding import print_rates

        return print_rates(recipe, heard, as_json)
    from tl.commands.finetune import Request, finetune

    with heard:
        path = finetune(Request(recipe, root, resume, shlex.join(["tl", *sys.argv[1:]])), heard)
    if main:
        _say(Run.open(path), as_json)
    return None


def _evaluated(run: Path) -> Iterator[Any]:
    for file in sorted((run / "evaluation").glob("*.json")):
        found = read_json(file)
        demand(file, OUTCOME, found)
        yield found


def _say(run: Run, as_json: bool) -> None:
    found = list(_evaluated(run.path))
    if as_json:
        print_json({"run": str(run.path), "evaluation": {one["split"]: one for one in found}, "meta": run.meta})
        return
    print_outcome(run.meta["best"]["metric"], *found)
    say(f"{run.meta['verdict']}\nrun     {run.path}\nreport  {run.path / 'report.html'}")
