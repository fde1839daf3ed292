"""`tl predict`: the predictions of a run for pictures or texts."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tl.cli.flags import RunFolder, named_run
from tl.cli.printing.terminal import say
from tl.errors import TLError

if TYPE_CHECKING:
    from tl.commands.given import Input


def register(app: typer.Typer) -> None:
    app.command("predict")(predict)


def predict(
    run: RunFolder,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Pictures or folders of them, or texts; - reads lines. Or a table, and data.key=value for its columns."
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Write a row per input to this .csv, .jsonl or .parquet.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --to names.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Inputs answered at once.")] = 64,
    top: Annotated[int, typer.Option(min=1, help="How many classes the table shows.")] = 3,
    draw: Annotated[Path | None, typer.Option(help="Write pictures with their boxes or masks here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line per input, with every score.")] = False,
) -> None:
    """Answer for files, texts or a table with a trained run; --to goes on where it was interrupted."""
    from tl.cli.printing.json_output import print_json_line
    from tl.cli.printing.predict import print_predictions
    from tl.commands.answer_file import AnswerFile
    from tl.commands.drawings import Drawings
    from tl.commands.given import read_given
    from tl.commands.open_run import open_run
    from tl.commands.predict import predict as answer
    from tl.commands.predict import predict_to

    _check_flags(to, overwrite, draw)
    file = None if to is None else AnswerFile(to, overwrite=overwrite)
    tell = partial(say, file=sys.stderr)
    wanted = [one for text in inputs or [] for one in _inputs(text)]
    trained = open_run(named_run(run))
    given = read_given(trained, wanted, tell)
    if file is not None:
        rows = predict_to(file, trained, given, batch, tell)
        return print_json_line({"to": str(to), "rows": rows}) if json else say(f"{to}: {rows} rows")
    if given.from_table and not json:
        raise TLError("Say where the answers to a table go: --to answers.csv (or .jsonl, .parquet), or --json.")
    parts = answer(trained, given, batch)
    parts = parts if draw is None else Drawings(draw, trained).drawing(parts)
    predictions = (one for answers in parts for one in answers.mappings())
    if not json:
        return print_predictions(predictions, top)
    for prediction in predictions:
        print_json_line(prediction)
    return None


def _check_flags(to: Path | None, overwrite: bool, draw: Path | None) -> None:
    if draw is not None and to is not None:
        raise TLError("--draw goes with the table and with --json, not with --to: give one of the two.")
    if to is None and overwrite:
        raise TLError("--overwrite replaces the file that --to names: give --to too.")


def _inputs(text: str) -> list[Input]:
    from tl.commands.given import Input

    return [Input(line, False) for line in _lines_of_standard_input()] if text == "-" else [Input(text, True)]


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
