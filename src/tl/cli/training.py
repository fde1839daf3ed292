"""What `tl finetune` prints."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from tl.cli.progress import listener
from tl.finetune import Request, finetune
from tl.recipe import Recipe, load
from tl.run import META, RECIPE, Run


def run_finetune(
    reference: str | None, overrides: list[str], resume: Path | None, root: Path, *, find_lr: bool, as_json: bool
) -> None:
    """Train, then say what came of it."""
    recipe = load(reference, overrides) if reference is not None else _resumable(resume)
    main = os.environ.get("RANK", "0") == "0"
    heard = listener(quiet=as_json or not main)
    if find_lr:
        from tl.cli.finding import print_rates

        return print_rates(recipe, heard, as_json)
    with heard:
        path = finetune(Request(recipe, root, resume, shlex.join(["tl", *sys.argv[1:]])), heard)
    if main:
        _say(Run.open(path), as_json)
    return None


def _resumable(resume: Path | None) -> Recipe:
    from tl.errors import TLError

    assert resume is not None
    run = Run.open(resume)
    if run.meta["status"] == "done":
        raise TLError(f"'{resume}' is done; to train further from it, start a new run with backbone.weights={resume}.")
    return load(str(run.path / RECIPE))


def _say(run: Run, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    evaluations = {p.stem: run.read_json(f"evaluation/{p.name}") for p in sorted((run.path / "evaluation").glob("*.json"))}
    if as_json:
        import json

        print(json.dumps({"run": str(run.path), "evaluation": evaluations, "meta": run.read_json(META)}))
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for split, found in evaluations.items():
        table.add_column(f"{split} (n={found['samples']})", justify="right")
        table.add_column("95 % interval")
    for name in next(iter(evaluations.values()))["metrics"] if evaluations else []:
        cells = [found["metrics"][name] for found in evaluations.values()]
        texts = [t for c in cells for t in (f"{c['value']:.3f}", f"{c['low']:.3f} .. {c['high']:.3f}")]
        table.add_row(name, *texts)
    console.print(table)
    console.print(f"run     {run.path}", soft_wrap=True, highlight=False)
    console.print(f"report  {run.path / 'report.html'}", soft_wrap=True, highlight=False)
