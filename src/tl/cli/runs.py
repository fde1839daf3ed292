"""`tl runs`, `tl replay`, `tl reproduce`, `tl verify-resume`, `tl cache` and `tl doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tl.errors import TLError


def register(app: typer.Typer) -> None:
    app.command("runs")(runs)
    app.command("replay")(replay)
    app.command("reproduce")(reproduce)
    app.command("verify-resume")(verify_resume)
    app.command("cache")(cache)
    app.command("doctor")(doctor)


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds all runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List runs, newest first, with how they went."""
    from tl.cli.history import print_runs

    print_runs(folder, as_json=json)


def replay(
    run: Annotated[Path, typer.Argument(help="The folder of a run that stopped at a loss that is not finite.")],
    json: Annotated[bool, typer.Option("--json", help="Print the finding as JSON.")] = False,
) -> None:
    """Take a run's step whose loss was not finite again, and say which module and samples it comes from."""
    from tl.cli.again import print_replayed

    print_replayed(run, as_json=json)


def reproduce(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    runs: Annotated[Path, typer.Option(help="The folder that holds all runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Train a run again as it was, and compare losses, weights and metrics bit for bit; exit 3 if they differ."""
    from tl.cli.again import print_reproduced

    print_reproduced(run, runs, as_json=json)


def verify_resume(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a path to one of yours.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as in optimizer.lr=1e-4 head=mlp")] = None,
    steps: Annotated[int, typer.Option(min=2, help="How many steps each run has.")] = 12,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Run a recipe shortly, once undisturbed and once killed and resumed; exit 3 if they end otherwise."""
    from tl.cli.again import print_verified
    from tl.recipe.recipe import load

    load(recipe, overrides or [])
    print_verified(recipe, overrides or [], steps, as_json=json)


def cache(
    folder: Annotated[Path | None, typer.Argument(help="The cache's folder, if a recipe names another.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove what no run is writing.")] = False,
    older_than: Annotated[float, typer.Option(help="With --clear: only what was not used for so many days.")] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List what is kept of frozen stages and pictures, or clear it."""
    from tl.cli.history import clear_cache, print_cache

    if older_than and not clear:
        raise TLError(f"--older-than {older_than:g} says what to remove: give --clear too.")
    if clear:
        clear_cache(folder, older_than)
    else:
        print_cache(folder, as_json=json)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look whether this machine is ready: versions, device, disk, extras, weights; exit 2 if something is broken."""
    from tl.cli.diagnosis import print_diagnosis

    print_diagnosis(as_json=json)
