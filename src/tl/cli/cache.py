"""`tl cache`: the entries of the cache, or their removal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tl.cli.printing.terminal import say
from tl.errors import TLError

_SECONDS_A_DAY = 86400


def register(app: typer.Typer) -> None:
    app.command("cache")(cache)


def cache(
    folder: Annotated[Path | None, typer.Argument(help="The cache's folder, if a recipe names another.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove what no run is writing.")] = False,
    older_than: Annotated[float, typer.Option(help="With --clear: only what was not used for so many days.")] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List what is kept of frozen stages and pictures, or clear it."""
    if older_than and not clear:
        raise TLError(f"--older-than {older_than:g} says what to remove: give --clear too.")
    from tl.cli.printing.cache import entries_as_json, megabytes, print_entries
    from tl.cli.printing.json_output import print_json
    from tl.inputs.cache import Cache
    from tl.recipe.cache_folder import default_folder

    known = Cache(folder or default_folder(), max_bytes=0)  # nothing is added, so the limit does not matter
    if clear:
        return say(f"{megabytes(known.clear(older_than * _SECONDS_A_DAY))} freed in {known.folder}")
    entries = known.entries()
    if json:
        return print_json(entries_as_json(entries))
    if not entries:
        return say(f"Nothing is cached in {known.folder}.")
    return print_entries(entries, known.folder)
