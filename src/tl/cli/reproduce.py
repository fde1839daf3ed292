"""`tl reproduce`: train a run again, and compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.flags import RunFolder, RunsFolder, named_run
from tl.cli.printing.terminal import say
from tl.errors import GateError


def register(app: typer.Typer) -> None:
    app.command("reproduce")(reproduce)


def reproduce(
    run: RunFolder,
    runs: RunsFolder = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Train a run again as it was, and compare losses, weights and metrics bit for bit; exit 3 if they differ."""
    from tl.cli.printing.comparison import print_comparison
    from tl.cli.printing.output import not_worth_a_run
    from tl.cli.printing.progress import choose_listener
    from tl.commands.reproduce import reproduce as reproduce_run

    with not_worth_a_run(), choose_listener(quiet=json) as listener:
        comparison = reproduce_run(named_run(run), runs, listener)
    print_comparison(comparison, as_json=json)
    say(f"run     {comparison.other}", file=sys.stderr if json else sys.stdout)
    if not comparison.same:
        raise GateError("The run did not come out the same. On a GPU, equal bits take loop.deterministic=true.")
