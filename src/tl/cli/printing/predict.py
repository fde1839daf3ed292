"""The table of `tl predict`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import number_cell, plain_table


def print_predictions(predictions: Iterable[Mapping[str, Any]], top: int) -> None:
    """A row for each input with its prediction and its `top` most probable classes."""
    table = plain_table()
    for name in ("input", "answer", "scores"):
        table.add_column(name, overflow="fold")
    for prediction in predictions:
        best = sorted(prediction["scores"].items(), key=lambda pair: -pair[1])[:top]
        scores = "  ".join(f"{name} {number_cell(value)}" for name, value in best)
        table.add_row(prediction["input"], _answer(prediction["predicted"]), scores)
    Screen(highlight=False, markup=False, emoji=False).print(table)


def _answer(predicted: Any) -> str:
    """One class as it is; several classes or numbers in a row."""
    if isinstance(predicted, str):
        return predicted
    return ", ".join(number_cell(x) if isinstance(x, float) else str(x) for x in predicted) or "none"
