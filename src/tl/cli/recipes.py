"""`tl list`, `tl show`, `tl check`, `tl copy` and `tl explain`: all about recipes, without torch unless asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Reference = Annotated[str, typer.Argument(help="A shipped recipe's name, or a path to one of yours.", metavar="RECIPE")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, as in optimizer.lr=1e-4 head=mlp")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    app.command("list")(list_options)
    app.command("show")(show)
    app.command("check")(check)
    app.command("copy")(copy)
    app.command("explain")(explain)


def list_options(
    group: Annotated[str | None, typer.Argument(help="One group: its options with their keys and defaults.")] = None,
    json: AsJson = False,
) -> None:
    """List the shipped recipes and every option there is, or one group's options with their keys."""
    from tl.cli.listing import print_all, print_group

    if group is None:
        print_all(as_json=json)
    else:
        print_group(group, as_json=json)


def show(
    recipe: Reference,
    overrides: Overrides = None,
    plain: Annotated[bool, typer.Option("--plain", help="Only the resolved recipe, as YAML that runs again.")] = False,
    augment: Annotated[bool, typer.Option("--augment", help="Write what augmentation makes of samples.")] = False,
    to: Annotated[Path, typer.Option(help="Where --augment writes pictures.")] = Path("augment.png"),
    json: AsJson = False,
) -> None:
    """Show a recipe as it resolves, where each value came from, and which part learns when and how fast."""
    if augment:
        from tl.cli.augmented import show_augmented

        show_augmented(recipe, overrides or [], to, as_json=json)
    else:
        from tl.cli.showing import show_recipe

        show_recipe(recipe, overrides or [], plain=plain, as_json=json)


def check(
    recipe: Reference,
    overrides: Overrides = None,
    time: Annotated[bool, typer.Option("--time", help="Load the model and time a few real steps.")] = False,
    json: AsJson = False,
) -> None:
    """Look for every mistake in a recipe and its data before anything slow begins."""
    from tl.cli.checking import check_recipe

    check_recipe(recipe, overrides or [], time=time, as_json=json)


def copy(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name.")],
    to: Annotated[Path | None, typer.Argument(help="The new file; RECIPE.yaml here if it is not given.")] = None,
) -> None:
    """Copy a shipped recipe to a file of your own, ready to be edited."""
    from tl.cli.copying import copy_recipe

    copy_recipe(recipe, to)


def explain(
    key: Annotated[str, typer.Argument(help="Such as optimizer.lr, freeze, loop.length or head.mlp.hidden.")],
    json: AsJson = False,
) -> None:
    """Explain a key: what it does, what it takes, its default and where that stands."""
    from tl.cli.explaining import explain_key

    explain_key(key, as_json=json)
