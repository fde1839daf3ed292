"""`tl predict`: the predictions of a run for pictures or texts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tl.errors import TLError


def register(app: typer.Typer) -> None:
    app.command("predict")(predict)


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
    from tl.cli.printing.json_output import print_json_line
    from tl.cli.printing.predict import print_predictions
    from tl.commands.open_run import open_run
    from tl.commands.predict import predict as predict_inputs

    wanted = [line for given in inputs or [] for line in (_lines_of_standard_input() if given == "-" else [given])]
    predictions = predict_inputs(open_run(run), wanted, batch)
    if json:
        for prediction in predictions:
            print_json_line(prediction)
    else:
        print_predictions(predictions, top)


def _lines_of_standard_input() -> list[str]:
    """TLError where the lines are not UTF-8."""
    lines = sys.stdin.buffer.read().split(b"\n")
    texts = []
    for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            odd = f"byte 0x{error.object[error.start]:02x}"
            raise TLError(f"-: line {number} is not UTF-8 ({odd}): save the file as UTF-8.") from error
    return texts
