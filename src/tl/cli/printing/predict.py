"""The table of `tl predict`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import number_cell, plain_table

_MOST_NUMBERS = 20


def print_predictions(predictions: Iterable[Mapping[str, Any]], top: int) -> None:
    """A row for each input with its prediction and its `top` most probable classes."""
    table = plain_table()
    for name in ("input", "answer", "scores"):
        table.add_column(name, overflow="fold")
    for prediction in predictions:
        best = sorted(prediction.get("scores", {}).items(), key=lambda pair: -pair[1])[:top]
        scores = "  ".join(f"{name} {number_cell(value)}" for name, value in best)
        table.add_row(prediction["input"], _answer(prediction["predicted"]), scores)
    Screen(highlight=False, markup=False, emoji=False).print(table)


def _answer(predicted: Any) -> str:
    """One class as it is; several classes, numbers or things in a row, of a thing the words that describe it."""
    if isinstance(predicted, str):
        return predicted
    if isinstance(predicted, Mapping):
        return " ".join(value for value in predicted.values() if isinstance(value, str))
    if len(predicted) > _MOST_NUMBERS and all(isinstance(x, float) for x in predicted):
        first = ", ".join(map(number_cell, predicted[:3]))
        return f"{first}, ... ({len(predicted)} numbers: --json or --to gives them)"
    return ", ".join(number_cell(x) if isinstance(x, float) else _answer(x) for x in predicted) or "none"
