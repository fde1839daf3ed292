"""`tl extract-features`: write the features that the head would see."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.flags import named_run
from tl.cli.printing.terminal import say
from tl.errors import TLError


def register(app: typer.Typer) -> None:
    app.command("extract-features")(extract_features)


def extract_features(
    source: Annotated[str, typer.Argument(help="A recipe (its pretrained backbone) or a run (its trained one).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for a recipe.")] = None,
    to: Annotated[Path | None, typer.Option(help="A .safetensors, .npz, .parquet or .csv file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the features that the head would see, for every split, with targets and ids."""
    if to is None:
        raise TLError("Say where to write: --to features.safetensors (or .npz, .parquet, .csv).")
    from tl.cli.printing.json_output import print_json
    from tl.commands.extract_features import ENDINGS, extract_features, save, sizes
    from tl.evaluation.outcome import check_writable

    check_writable("--to", to, ENDINGS)
    source = str(named_run(Path(source)))
    features, space = extract_features(source, overrides or [], partial(say, file=sys.stderr))
    save(features, space, to)
    if json:
        print_json({"to": str(to), "splits": sizes(features)})
    else:
        say(f"{to}: " + ", ".join(f"{split} {' x '.join(map(str, size))}" for split, size in sizes(features).items()))
