"""`tl list`: the shipped recipes and the options."""

from __future__ import annotations

from typing import Annotated

import typer

from tl.cli.flags import AsJson


def register(app: typer.Typer) -> None:
    app.command("list")(list_options)


def list_options(
    group: Annotated[str | None, typer.Argument(help="One group: its options with their keys and defaults.")] = None,
    json: AsJson = False,
) -> None:
    """List the shipped recipes and every option there is, or one group's options with their keys."""
    if group is None:
        _list_all(json)
    else:
        _list_group(group, json)


def _list_all(as_json: bool) -> None:
    from tl.cli.printing.catalogue import print_catalogue
    from tl.cli.printing.json_output import print_json
    from tl.commands.explain import recipes
    from tl.recipe.registry import GROUPS, options

    known = {group: {option.name: option.what() for option in options(group).values()} for group in GROUPS}
    if as_json:
        print_json({"recipes": recipes(), "options": known})
    else:
        print_catalogue(recipes(), known)


def _list_group(name: str, as_json: bool) -> None:
    from dataclasses import asdict

    from tl.cli.printing.catalogue import print_group
    from tl.cli.printing.json_output import print_json
    from tl.commands.explain import group

    found = group(name)
    if as_json:
        print_json(asdict(found))
    else:
        print_group(found)
