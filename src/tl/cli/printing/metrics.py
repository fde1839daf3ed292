"""The table of metrics after `tl finetune` and `tl evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import MISSING, number_cell, plain_table
from tl.cli.printing.terminal import say
from tl.report.reasons import reasons


def print_metrics(main: str, *outcomes: Mapping[str, Any]) -> None:
    """A row for each metric, `main` first, with the value and the interval on each split; below, why some are missing.

    Each outcome is a split's, as `Outcome.as_json` gives it.
    """
    if not outcomes:
        return
    table = plain_table()
    table.add_column("metric")
    for outcome in outcomes:
        table.add_column(f"{escape(outcome['split'])} (n={outcome['samples']})", justify="right", overflow="fold")
        table.add_column("95 % interval")
    for name in sorted(outcomes[0]["metrics"], key=lambda name: name != main):
        found = [outcome["metrics"][name] for outcome in outcomes]
        cells = [cell for metric in found for cell in (_value(metric), _interval(metric))]
        table.add_row(escape(name), *cells, style="bold" if name == main else "")
    Screen(highlight=False, emoji=False).print(table)
    for line in reasons(outcomes, str):
        say(line)


def _value(metric: Mapping[str, Any]) -> str:
    value = number_cell(metric["value"])
    return "not defined" if value == MISSING else value


def _interval(metric: Mapping[str, Any]) -> str:
    ends = [number_cell(metric[end]) for end in ("low", "high")]
    return MISSING if MISSING in ends else " .. ".join(ends)
