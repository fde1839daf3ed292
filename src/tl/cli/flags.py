"""The arguments and flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipeName = Annotated[
    str, typer.Argument(help="A shipped recipe's name, or a path to one of yours.", metavar="RECIPE")
]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, as in optimizer.lr=1e-4 head=mlp")]
RunsFolder = Annotated[Path, typer.Option(help="The folder that holds all runs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
