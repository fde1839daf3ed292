"""`tl evaluate`, `tl predict` and `tl extract-features`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tl.cli.terminal import say
from tl.errors import GateError, TLError


def register(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)
    app.command("predict")(predict)
    app.command("extract-features")(extract_features)


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    split: Annotated[str, typer.Option(help="The split of the run's own data.")] = "test",
    data: Annotated[Path | None, typer.Option(help="Other data of the same form: a folder or a table.")] = None,
    fail_if: Annotated[
        list[str] | None, typer.Option(help="A gate such as 'macro_f1<0.9': exit 3 if it holds.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write a row per sample to this .csv or .parquet.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Evaluate a run over exactly a split, with 95 % intervals; CI gates by exit code."""
    from tl.metrics.gate import parse_gate

    gates = [parse_gate(text) for text in fail_if or []]
    from tl.cli.tables import print_json, print_outcome
    from tl.commands.evaluate import evaluate as evaluate_run
    from tl.evaluation.outcome import check_writable, write_table
    from tl.run.run import Run

    if predictions is not None:
        check_writable("--predictions", predictions)
    found = evaluate_run(run, split, data, partial(say, file=sys.stderr))
    if predictions is not None:
        write_table(predictions, *found.rows())
    if json:
        print_json(found.as_json())
    else:
        print_outcome(Run.open(run).meta["best"]["metric"], found.as_json())
    failed = [text for text, gate in zip(fail_if or [], gates, strict=True) if gate.fails(found.values)]
    if failed:
        raise GateError("\n".join(f"gate: {text} holds on {found.split}." for text in failed))


def predict(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Pictures or folders of them, or texts; - reads lines.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Inputs answered at once.")] = 64,
    top: Annotated[int, typer.Option(min=1, help="How many classes the table shows.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="One JSON line per input, with every score.")] = False,
) -> None:
    """Answer for files or texts with a trained run."""
    from tl.cli.tables import print_answers, print_json_line
    from tl.commands.assemble import open_run
    from tl.commands.predict import predict as answers

    wanted = [line for given in inputs or [] for line in (_lines() if given == "-" else [given])]
    found = answers(open_run(run), wanted, batch)
    if json:
        for answer in found:
            print_json_line(answer)
    else:
        print_answers(found, top)


def _lines() -> list[str]:
    """The lines of the standard input; TLError where they are no text."""
    lines = sys.stdin.buffer.read().split(b"\n")
    found = []
    for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
        try:
            found.append(line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            odd = f"byte 0x{error.object[error.start]:02x}"
            raise TLError(f"-: line {number} is not UTF-8 ({odd}): save the file as UTF-8.") from error
    return found


def extract_features(
    source: Annotated[str, typer.Argument(help="A recipe (its pretrained backbone) or a run (its trained one).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for a recipe.")] = None,
    to: Annotated[Path | None, typer.Option(help="A .safetensors, .npz, .parquet or .csv file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the features that the head would see, for every split, with targets and ids."""
    if to is None:
        raise TLError("Say where to write: --to features.safetensors (or .npz, .parquet, .csv).")
    from tl.cli.tables import print_json
    from tl.commands.extract_features import ENDINGS, extract_features, save, sizes
    from tl.evaluation.outcome import check_writable

    check_writable("--to", to, ENDINGS)
    found, space = extract_features(source, overrides or [], partial(say, file=sys.stderr))
    save(found, space, to)
    facts = {"to": str(to), "splits": sizes(found)}
    if json:
        print_json(facts)
    else:
        say(f"{to}: " + ", ".join(f"{split} {n} x {d}" for split, (n, d) in sizes(found).items()))
