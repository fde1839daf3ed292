"""`tl check`: every mistake in a recipe and its data, or what its run will be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tl.cli.flags import AsJson, Overrides, RecipeName
from tl.errors import TLError

if TYPE_CHECKING:
    from tl.commands.timing import Timing
    from tl.recipe.recipe import Recipe


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    recipe: RecipeName,
    overrides: Overrides = None,
    time: Annotated[bool, typer.Option("--time", help="Load the model and time a few real steps.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="First write the fixes that are certain into the recipe.")] = False,
    json: AsJson = False,
) -> None:
    """Look for every mistake in a recipe and its data before anything slow begins."""
    import shlex

    from tl.cli.printing.check import checked_as_json, print_checked
    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.mistakes import as_json, print_fixed
    from tl.commands.check import check as check_recipe
    from tl.commands.fix import fix as fix_recipe

    fixed = fix_recipe(recipe, overrides or []) if fix else None
    if fixed is not None and not json:
        print_fixed(fixed)
    made = {} if fixed is None else {"fixed": list(map(as_json, fixed.mistakes))}
    try:
        checked = check_recipe(recipe, overrides or [], Path("runs"))
        timing = _measure(checked.recipe) if time else None
    except TLError as error:
        if not json:
            raise
        details = list(map(as_json, error.mistakes))
        print_json({"ok": False, "mistakes": error.mistakes, "details": details, **made})
        raise typer.Exit(error.exit_code) from error
    if json:
        print_json({**checked_as_json(checked, timing), **made})
    else:
        print_checked(checked, timing, shlex.join(["tl", "finetune", recipe, *(overrides or [])]))


def _measure(recipe: Recipe) -> Timing:
    from tl.commands.timing import measure

    return measure(recipe)
