"""`tl verify-resume`: whether a run that was killed and resumed ends like an undisturbed one."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.flags import Overrides
from tl.cli.printing.terminal import say
from tl.errors import GateError


def register(app: typer.Typer) -> None:
    app.command("verify-resume")(verify_resume)


def verify_resume(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a path to one of yours.")],
    overrides: Overrides = None,
    steps: Annotated[int, typer.Option(min=2, help="How many steps each run has.")] = 12,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Run a recipe shortly, once undisturbed and once killed and resumed; exit 3 if they end otherwise."""
    from tempfile import TemporaryDirectory

    from tl.cli.printing.comparison import print_comparison
    from tl.commands.reproduce import verify_resume as run_both
    from tl.recipe.recipe import load

    load(recipe, overrides or [])  # a mistake in the recipe is told here, not by one of the processes started below
    with TemporaryDirectory(prefix="tl_verify_") as folder:
        comparison = run_both(recipe, overrides or [], steps, Path(folder), partial(say, file=sys.stderr, flush=True))
    print_comparison(comparison, as_json=json)
    if not comparison.same:
        raise GateError(
            "The resumed run ended otherwise than the uninterrupted one. "
            "On a GPU, equal bits take loop.deterministic=true."
        )
