"""`tl runs` and `tl doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("runs")(runs)
    app.command("doctor")(doctor)


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds all runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List runs, newest first, with how they went."""
    from tl.cli.history import print_runs

    print_runs(folder, as_json=json)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look whether this machine is ready: versions, device, disk, extras, weights; exit 2 if something is broken."""
    from tl.cli.diagnosis import print_diagnosis

    print_diagnosis(as_json=json)
