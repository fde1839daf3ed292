"""`tl show`: a recipe as it resolves, or what augmentation makes of its samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tl.cli.flags import AsJson, Overrides, RecipeName

if TYPE_CHECKING:
    from tl.recipe.recipe import Recipe


def register(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    recipe: RecipeName,
    overrides: Overrides = None,
    plain: Annotated[bool, typer.Option("--plain", help="Only the resolved recipe, as YAML that runs again.")] = False,
    augment: Annotated[bool, typer.Option("--augment", help="Write what augmentation makes of samples.")] = False,
    to: Annotated[Path, typer.Option(help="Where --augment writes pictures.")] = Path("augment.png"),
    json: AsJson = False,
) -> None:
    """Show a recipe as it resolves, where each value came from, and which part learns when and how fast."""
    if augment:
        from tl.cli.printing.augmented import print_augmented

        return print_augmented(recipe, overrides or [], to, as_json=json)
    from tl.recipe.recipe import load

    loaded = load(recipe, overrides or [])
    return _show_plain(loaded) if plain else _show_plan(loaded, json)


def _show_plain(recipe: Recipe) -> None:
    from tl.cli.printing.terminal import say
    from tl.recipe.yamlfile import dump

    say(dump(recipe.plain()), end="")


def _show_plan(recipe: Recipe, as_json: bool) -> None:
    """The recipe, then which part learns in which phase at which rate."""
    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.show import print_recipe, recipe_as_json
    from tl.commands.parts import parts
    from tl.components.freeze.base import FreezeSchedule
    from tl.components.optimizer.base import Optimizer
    from tl.recipe.build import build

    names = parts(recipe)
    schedule: FreezeSchedule = build(recipe.freeze)
    optimizer: Optimizer = build(recipe.optimizer)
    phases = schedule.phases(names) if names is not None else ()
    rates = optimizer.rates(names or ())
    if as_json:
        print_json(recipe_as_json(recipe, names, phases, rates))
    else:
        print_recipe(recipe, names, phases, rates)
