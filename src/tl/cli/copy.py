"""`tl copy`: a shipped recipe as a file of the user's own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.flags import named_run
from tl.cli.printing.terminal import say
from tl.errors import TLError, did_you_mean

_SUFFIXES = (".yaml", ".yml")


def register(app: typer.Typer) -> None:
    app.command("copy")(copy)


def copy(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a run's folder.")],
    to: Annotated[Path | None, typer.Argument(help="The new file; RECIPE.yaml here if it is not given.")] = None,
) -> None:
    """Copy a shipped recipe, or that of a run, to a file of your own, ready to be edited."""
    import shlex

    from tl.disk.folder import write_whole
    from tl.recipe.registry import shipped_recipes
    from tl.recipe.unicode import is_unicode
    from tl.recipe.weights import RUN_RECIPE
    from tl.run.disk import writing

    known = shipped_recipes()
    if recipe not in known and (stored := named_run(Path(recipe)) / RUN_RECIPE).is_file():
        known, recipe = {stored.parent.absolute().parent.name: stored}, stored.parent.absolute().parent.name
    if recipe not in known:
        raise TLError(f"There is no shipped recipe '{recipe}'.{did_you_mean(recipe, known) or ' See tl list.'}")
    target = to or Path(f"{recipe}.yaml")
    if target.is_dir():
        target = target / f"{recipe}.yaml"
    if target.suffix not in _SUFFIXES:
        raise TLError(f"'{target}' does not end in .yaml: name the file as in 'tl copy {recipe} {target}.yaml'.")
    if os.path.lexists(target):
        raise TLError(f"'{target}' is already there and is not overwritten: name another file.")
    if not is_unicode(str(target)):
        raise TLError(f"'{target}' is no UTF-8 text, so no command in it could name the file: give another name.")
    quoted = shlex.quote(str(target))
    text = known[recipe].read_text(encoding="utf-8")
    with writing(target, "."):
        write_whole(target, _with_command(text, recipe, f"tl finetune {quoted}").encode())
    say(f"{target} is yours. Look it over with: tl check {quoted}")


def _with_command(text: str, name: str, command: str) -> str:
    """The text of the recipe `name` with `command` in place of the command in its header, or as a new second line."""
    shipped = re.compile(rf"\btl finetune {re.escape(name)}\b")
    if shipped.search(text):
        return shipped.sub(lambda _: command, text)
    first, newline, rest = text.partition("\n")
    return f"{first}{newline}# Run: {command}\n{rest}" if first.startswith("#") else f"# Run: {command}\n{text}"
