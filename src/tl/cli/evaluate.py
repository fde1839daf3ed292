"""`tl evaluate`: measure a run on a split, or on other data."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.flags import RunFolder, named_run
from tl.cli.printing.terminal import say
from tl.errors import GateError


def register(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)


def evaluate(
    run: RunFolder,
    overrides: Annotated[list[str] | None, typer.Argument(help="data.key=value, such as data.text=review.")] = None,
    split: Annotated[str, typer.Option(help="The split of the run's own data.")] = "test",
    data: Annotated[Path | None, typer.Option(help="Other data of the same form: a folder or a table.")] = None,
    fail_if: Annotated[
        list[str] | None, typer.Option(help="A gate such as 'macro_f1<0.9': exit 3 if it holds.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write a row per sample to this .csv or .parquet.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Evaluate a run over exactly a split, with 95 % intervals; CI gates by exit code."""
    from tl.commands.chosen_task import all_metrics
    from tl.metrics.gate import parse_gate

    gates = [
        parse_gate(text, all_metrics()) for text in fail_if or []
    ]  # before the slow imports, so that a mistake is told at once
    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.metrics import print_metrics
    from tl.commands.evaluate import EvaluationData
    from tl.commands.evaluate import evaluate as evaluate_run
    from tl.evaluation.outcome import check_writable, write_table
    from tl.run.run import Run

    if predictions is not None:
        check_writable("--predictions", predictions)
    run = named_run(run)
    judged = EvaluationData(split, data, tuple(overrides or ()))
    outcome = evaluate_run(run, judged, partial(say, file=sys.stderr))
    if predictions is not None:
        write_table(predictions, *outcome.rows())
    if json:
        print_json(outcome.as_json())
    else:
        print_metrics(Run.open(run).meta["best"]["metric"], outcome.as_json())
    failed = [
        (text, gate.metric) for text, gate in zip(fail_if or [], gates, strict=True) if gate.fails(outcome.values)
    ]
    if failed:
        raise GateError("\n".join(f"gate {text} failed: {outcome.why_failed(metric)}." for text, metric in failed))
