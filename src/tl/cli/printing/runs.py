"""The table of `tl runs`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import number_cell, plain_table
from tl.commands.runs import RunSummary

_COLORS = {"done": "green", "running": "cyan", "stopped": "yellow"}


def print_runs(found: Sequence[RunSummary]) -> None:
    """A row for each run."""
    table = plain_table()
    for name in ("run", "status", "best on"):
        table.add_column(name, overflow="fold")
    for name in ("val", "test", "time"):
        table.add_column(name, justify="right")
    for run in found:
        status = f"[{_COLORS.get(run.status, 'red')}]{escape(run.status)}[/]"
        table.add_row(escape(run.path), status, escape(run.metric or ""), *_numbers(run))
    Screen(highlight=False).print(table)


def _numbers(run: RunSummary) -> tuple[str, str, str]:
    best, test = ("" if value is None else number_cell(value) for value in (run.best, run.test))
    return best, test, "" if run.seconds is None else _hours_minutes_seconds(run.seconds)


def _hours_minutes_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
